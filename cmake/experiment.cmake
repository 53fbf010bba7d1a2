# omniscale_experiment(my_idea my_idea.cpp [more.cpp ...])
#
# Builds the program `my_idea`: Omniscale's whole command line over one experiment. The sources
# define the function `omni::Experiment omni::my_idea()`; it has the target's name, with underscores
# for dashes. A page my_idea.md beside my_idea.cpp has its words (lab/words.h).
include(${CMAKE_CURRENT_LIST_DIR}/count_presets.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/words.cmake)
set(OMNI_EXPERIMENT_MAIN ${CMAKE_CURRENT_LIST_DIR}/experiment_main.cpp.in)

function(omniscale_experiment name)
  string(REPLACE "-" "_" OMNI_EXPERIMENT_FUNCTION ${name})
  set(main ${CMAKE_CURRENT_BINARY_DIR}/${name}_main.cpp)
  configure_file(${OMNI_EXPERIMENT_MAIN} ${main} @ONLY)
  add_executable(${name} ${ARGN} ${main})
  target_link_libraries(${name} PRIVATE omniscale::omniscale)
  set(pages)
  foreach(source IN LISTS ARGN)
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
    cmake_path(REPLACE_EXTENSION source LAST_ONLY .md OUTPUT_VARIABLE page)
    file(GLOB page CONFIGURE_DEPENDS ${page})  # nothing where there is none, and found once there is
    list(APPEND pages ${page})
  endforeach()
  omniscale_words(${name} ${pages})
  omniscale_count_presets(${name})
endfunction()
