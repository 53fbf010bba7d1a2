# omniscale_experiment(my_idea my_idea.cpp [more.cpp ...])
#
# Builds the program `my_idea`: Omniscale's whole command line over one experiment. The sources
# define the function `omni::Experiment omni::my_idea()`; it has the target's name, with underscores
# for dashes.
include(${CMAKE_CURRENT_LIST_DIR}/count_presets.cmake)
set(OMNI_EXPERIMENT_MAIN ${CMAKE_CURRENT_LIST_DIR}/experiment_main.cpp.in)

function(omniscale_experiment name)
  string(REPLACE "-" "_" OMNI_EXPERIMENT_FUNCTION ${name})
  set(main ${CMAKE_CURRENT_BINARY_DIR}/${name}_main.cpp)
  configure_file(${OMNI_EXPERIMENT_MAIN} ${main} @ONLY)
  add_executable(${name} ${ARGN} ${main})
  target_link_libraries(${name} PRIVATE omniscale::omniscale)
  omniscale_count_presets(${name})
endfunction()
