# Installs Omniscale into a temporary folder, builds an example against it and runs it.
#   cmake -D NAME=my_idea -D SOURCE_DIR= -D BUILD_DIR= -D COMPILER= -P test_example.cmake
cmake_minimum_required(VERSION 3.25)
set(place ${BUILD_DIR}/test_${NAME})
file(REMOVE_RECURSE ${place})

function(run what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE said ERROR_VARIABLE said)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "${what} failed (${code}):\n${said}")
  endif()
endfunction()

run("installing" ${CMAKE_COMMAND} --install ${BUILD_DIR} --prefix ${place}/installed)
run("configuring" ${CMAKE_COMMAND} -G Ninja -S ${SOURCE_DIR}/examples/${NAME} -B ${place}/build
  -D CMAKE_BUILD_TYPE=Release -D CMAKE_CXX_COMPILER=${COMPILER}
  -D CMAKE_PREFIX_PATH=${place}/installed)
run("building" ${CMAKE_COMMAND} --build ${place}/build)
string(REPLACE "_" "-" experiment ${NAME})
run("running" ${place}/build/${NAME} run ${experiment} --preset smoke --out ${place}/run)
if(NOT EXISTS ${place}/run/report.html)
  message(FATAL_ERROR "the run left no report.html in ${place}/run")
endif()
