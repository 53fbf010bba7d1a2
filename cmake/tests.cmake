# One test program per folder of src/, whatever folders are in it, and per other folder with tests
# (few links, few files to start), one ctest entry per test case.
# `x_long_test.cpp` goes to a program of its own whose cases carry the label "long", and is there
# with OMNI_LONG_TESTS only.
find_package(GTest REQUIRED)
include(GoogleTest)
set(CMAKE_GTEST_DISCOVER_TESTS_DISCOVERY_MODE PRE_TEST)

# What several tests share: src/*/testing.cpp.
set(support ${OMNI_TEST_SOURCES})
list(FILTER support INCLUDE REGEX "/testing\\.cpp$")
list(FILTER OMNI_TEST_SOURCES EXCLUDE REGEX "/testing\\.cpp$")
add_library(omni_testing INTERFACE)
if(support)
  add_library(omni_testing_support STATIC EXCLUDE_FROM_ALL ${support})
  target_link_libraries(omni_testing_support PUBLIC omniscale_library GTest::gtest)
  target_compile_options(omni_testing_support PRIVATE ${OMNI_WARNINGS})
  target_link_libraries(omni_testing INTERFACE omni_testing_support)
endif()
target_link_libraries(omni_testing INTERFACE omniscale_library GTest::gtest GTest::gtest_main
  ${OMNI_PRIVATE_LIBRARIES})
target_include_directories(omni_testing INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(omni_testing INTERFACE
  OMNI_SOURCE_DIR="${PROJECT_SOURCE_DIR}" OMNI_PROGRAM="$<TARGET_FILE:omniscale>")
if(OMNI_SANITIZE)
  target_compile_definitions(omni_testing INTERFACE OMNI_SANITIZED)
endif()

add_custom_target(omni_tests)
add_dependencies(omni_tests omniscale)

# Kills, failing disks and signals: the real program as a child. The library that makes its calls
# fail comes before everything by LD_PRELOAD, where sanitizers want to be.
file(GLOB fault_sources CONFIGURE_DEPENDS tests/faults/*.cpp)
set(fault_tests ${fault_sources})
list(FILTER fault_tests INCLUDE REGEX "_test\\.cpp$")
list(REMOVE_ITEM fault_sources ${fault_tests} ${PROJECT_SOURCE_DIR}/tests/faults/failing_files.cpp)
add_library(omni_failing_files MODULE EXCLUDE_FROM_ALL tests/faults/failing_files.cpp)
target_compile_options(omni_failing_files PRIVATE ${OMNI_WARNINGS})
target_link_libraries(omni_failing_files PRIVATE ${CMAKE_DL_LIBS})
add_library(omni_faults STATIC EXCLUDE_FROM_ALL ${fault_sources})
target_link_libraries(omni_faults PUBLIC omni_testing)
target_compile_options(omni_faults PRIVATE ${OMNI_WARNINGS})
target_compile_definitions(omni_faults PUBLIC
  OMNI_FAILING_FILES="$<TARGET_FILE:omni_failing_files>")
add_dependencies(omni_faults omniscale omni_failing_files)

# Folders whose tests run again with every optional pass switched off.
set(passes_folders ops engine executors nn)
# Folders whose tests run again, as one, on every lower instruction set of the vector loops.
set(vector_folders cpu ops)
# By folder: the lower instruction sets of oneDNN on which its tests run again, as one.
set(onednn_sets_ops SSE41 AVX2 AVX512_CORE)
set(onednn_sets_engine AVX2 AVX512_CORE)
set(onednn_sets_executors AVX2 AVX512_CORE)
set(onednn_sets_nn AVX2)

# What all of them read, precompiled once.
file(CONFIGURE OUTPUT headers.cpp CONTENT "")
add_library(omni_test_headers OBJECT EXCLUDE_FROM_ALL ${PROJECT_BINARY_DIR}/headers.cpp)
target_link_libraries(omni_test_headers PRIVATE omni_testing)
target_compile_options(omni_test_headers PRIVATE ${OMNI_WARNINGS} ${OMNI_FASTER_TO_COMPILE})
omni_precompile_headers(omni_test_headers PRIVATE ${OMNI_SHARED_HEADERS} <gtest/gtest.h>)

function(add_tests name label timeout)
  if(OMNI_SANITIZE)  # each step takes many times as long
    math(EXPR timeout "5 * ${timeout}")
  endif()
  add_executable(test_${name} EXCLUDE_FROM_ALL ${ARGN})
  target_link_libraries(test_${name} PRIVATE omni_testing)
  if(name MATCHES "^faults")
    target_link_libraries(test_${name} PRIVATE omni_faults)
  endif()
  if(name IN_LIST vector_folders)
    target_sources(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/every_target.cpp)
    add_test(NAME ${name}/EveryTarget COMMAND test_${name} --every-target)
    set_tests_properties(${name}/EveryTarget PROPERTIES LABELS ${label} TIMEOUT 3000)
  endif()
  foreach(instructions IN LISTS onednn_sets_${name})
    add_test(NAME ${name}/OneDnn.${instructions} COMMAND test_${name})
    set_tests_properties(${name}/OneDnn.${instructions} PROPERTIES LABELS ${label} TIMEOUT 3000
      ENVIRONMENT DNNL_MAX_CPU_ISA=${instructions})
  endforeach()
  if(name MATCHES "^(experiments|tests)")  # those of the library are built without experiments
    target_link_libraries(test_${name} PRIVATE omni_experiments)
    add_dependencies(test_${name} omniscale)
  endif()
  target_compile_options(test_${name} PRIVATE ${OMNI_WARNINGS} ${OMNI_FASTER_TO_COMPILE})
  omni_precompile_headers(test_${name} REUSE_FROM omni_test_headers)
  add_dependencies(omni_tests test_${name})
  gtest_discover_tests(test_${name} PROPERTIES LABELS ${label} TIMEOUT ${timeout})
  if(name IN_LIST passes_folders)
    gtest_discover_tests(test_${name} TEST_PREFIX passes-off/
      PROPERTIES LABELS ${label} TIMEOUT ${timeout} ENVIRONMENT OMNISCALE_PASSES_OFF=all)
  endif()
endfunction()

file(GLOB whole_tests CONFIGURE_DEPENDS tests/*_test.cpp)
set(folders)
foreach(source IN LISTS OMNI_TEST_SOURCES whole_tests fault_tests OMNI_EXPERIMENT_TESTS)
  cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${PROJECT_SOURCE_DIR}/src OUTPUT_VARIABLE folder)
  if(folder MATCHES "^([^./]+)/")
    set(folder ${CMAKE_MATCH_1})
  elseif(folder MATCHES "^\\.\\./experiments/")  # of all families: one program
    set(folder experiments)
  else()
    cmake_path(GET source PARENT_PATH folder)
    cmake_path(GET folder FILENAME folder)
  endif()
  if(source MATCHES "_long_test\\.cpp$")
    list(APPEND long_${folder} ${source})
  else()
    list(APPEND short_${folder} ${source})
  endif()
  list(APPEND folders ${folder})
endforeach()
list(REMOVE_DUPLICATES folders)
foreach(folder IN LISTS folders)
  if(short_${folder})
    add_tests(${folder} short 3000 ${short_${folder}})
  endif()
  if(long_${folder} AND OMNI_LONG_TESTS)
    add_tests(${folder}_long long 36000 ${long_${folder}})
  endif()
endforeach()

# An author's slips that the compiler tells.
add_test(NAME refused COMMAND ${CMAKE_COMMAND}
  -D SOURCE=${PROJECT_SOURCE_DIR}/tests/refused.cpp -D COMPILER=${CMAKE_CXX_COMPILER}
  -D "INCLUDES=$<TARGET_PROPERTY:omni_test_headers,INCLUDE_DIRECTORIES>"
  -P ${PROJECT_SOURCE_DIR}/cmake/test_refused.cmake)
set_tests_properties(refused PROPERTIES LABELS short TIMEOUT 3000)

if(NOT OMNI_SANITIZE)
  # Experiments outside the tree: install, configure, build, run.
  foreach(name my_idea routed_classifier planted_facts)
    add_test(NAME example.${name} COMMAND ${CMAKE_COMMAND} -D NAME=${name}
      -D DOC_DIR=${CMAKE_INSTALL_DOCDIR} -D BUILD_DIR=${PROJECT_BINARY_DIR}
      -D COMPILER=${CMAKE_CXX_COMPILER} -P ${PROJECT_SOURCE_DIR}/cmake/test_example.cmake)
    set_tests_properties(example.${name} PROPERTIES LABELS short TIMEOUT 3000)
  endforeach()
endif()
