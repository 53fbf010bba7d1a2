# The words of experiments (lab/words.h): each NAME.md beside a NAME.cpp becomes a part of the program,
# so that `list` and reports need no file. When a page changes, one small source is made and compiled
# anew.
#   omniscale_words(target experiments/subliminal_learning.md ...)
# gives the target `std::string_view omni::words_of(std::string_view stem)`, empty for other stems. As
# a script:
#   cmake -D OUTPUT= -D "PAGES=a.md;b.md" -P words.cmake
if(CMAKE_SCRIPT_MODE_FILE)
  set(text "// Made from the pages of experiments.\n#include <string_view>\n\nnamespace omni {\n\n")
  string(APPEND text "std::string_view words_of(std::string_view stem);\n\n")
  string(APPEND text "std::string_view words_of([[maybe_unused]] std::string_view stem) {\n")
  foreach(page IN LISTS PAGES)
    cmake_path(GET page STEM stem)
    file(READ ${page} words)
    string(FIND "${words}" ")words\"" at)
    if(NOT at EQUAL -1)
      message(FATAL_ERROR "${page}: it holds )words\" which ends its text in the program")
    endif()
    string(APPEND text "  if (stem == \"${stem}\")\n    return R\"words(${words})words\";\n")
  endforeach()
  string(APPEND text "  return {};\n}\n\n}  // namespace omni\n")
  file(WRITE ${OUTPUT} "${text}")
  return()
endif()

set(OMNI_WORDS_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

function(omniscale_words target)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${target}_words.cpp)
  list(TRANSFORM ARGN PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/ REGEX "^[^/]" OUTPUT_VARIABLE pages)
  add_custom_command(OUTPUT ${output} DEPENDS ${pages} ${OMNI_WORDS_SCRIPT} VERBATIM
    COMMENT "Taking up the words of ${target}"
    COMMAND ${CMAKE_COMMAND} -D OUTPUT=${output} "-DPAGES=${pages}" -P ${OMNI_WORDS_SCRIPT})
  target_sources(${target} PRIVATE ${output})
endfunction()
