# Installs Omniscale into a temporary folder, reads its pages there, builds an example that was
# installed with them and runs it.
#   cmake -D NAME=my_idea -D DOC_DIR=share/doc/omniscale -D BUILD_DIR= -D COMPILER= -P
#     test_example.cmake
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
set(docs ${place}/installed/${DOC_DIR})
foreach(page README.md CONTRIBUTING.md LICENSE docs/use.md docs/sessions.md docs/images/report.png
    experiments/subliminal_learning/subliminal_learning.md examples/my_idea/my_idea.md)
  if(NOT EXISTS ${docs}/${page})
    message(FATAL_ERROR "${page} is not installed in ${docs}")
  endif()
endforeach()
# Where pages lead to, but other sites and places of the same page.
file(GLOB_RECURSE pages ${docs}/*.md)
foreach(page ${pages})
  cmake_path(GET page PARENT_PATH folder)
  file(READ ${page} text)
  string(REPLACE "](" "<to:" text "${text}")
  string(REGEX REPLACE "[][;]" " " text "${text}")  # lists would break there
  string(REGEX MATCHALL "<to:[A-Za-z0-9_./-]+\\.[a-z]+[#)]" links "${text}")
  foreach(link ${links})
    string(REGEX REPLACE "^<to:(.*).$" "\\1" link "${link}")
    if(NOT EXISTS ${folder}/${link})
      message(FATAL_ERROR "${page} leads to ${link}, which is not installed")
    endif()
  endforeach()
endforeach()

run("configuring" ${CMAKE_COMMAND} -G Ninja -S ${docs}/examples/${NAME} -B ${place}/build
  -D CMAKE_BUILD_TYPE=Release -D CMAKE_CXX_COMPILER=${COMPILER}
  -D CMAKE_PREFIX_PATH=${place}/installed)
run("building" ${CMAKE_COMMAND} --build ${place}/build)
string(REPLACE "_" "-" experiment ${NAME})
run("running" ${place}/build/${NAME} run ${experiment} --preset smoke --out ${place}/run)
if(NOT EXISTS ${place}/run/report.html)
  message(FATAL_ERROR "the run left no report.html in ${place}/run")
endif()
