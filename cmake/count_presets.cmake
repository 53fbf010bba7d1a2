# What presets compute is counted when a program is built, so that `list` tells at once what they
# cost. As a script: counts PROGRAM's presets into OUTPUT.
#   cmake -D PROGRAM= -D OUTPUT= -P count_presets.cmake
if(CMAKE_SCRIPT_MODE_FILE)
  # A program that fails here, or takes long, counts when it is asked. What it says is of pages.
  file(REMOVE ${OUTPUT})
  execute_process(COMMAND ${PROGRAM} list --count ${OUTPUT} TIMEOUT 600
    RESULT_VARIABLE failed OUTPUT_QUIET ERROR_VARIABLE said)
  if(said)
    message(NOTICE "${said}")
  endif()
  return()
endif()

set(OMNI_COUNT_PRESETS ${CMAKE_CURRENT_LIST_FILE})

# Leaves the counts beside the program of this target. Nothing where it does not run here, or runs
# many times slower.
function(omniscale_count_presets target)
  if(CMAKE_CROSSCOMPILING OR OMNI_SANITIZE)
    return()
  endif()
  add_custom_command(TARGET ${target} POST_BUILD VERBATIM
    COMMENT "Counting what the presets of ${target} compute"
    BYPRODUCTS ${target}.counts
    COMMAND ${CMAKE_COMMAND} -D PROGRAM=$<TARGET_FILE:${target}>
      -D OUTPUT=$<TARGET_FILE:${target}>.counts -P ${OMNI_COUNT_PRESETS})
endfunction()
