# The words of experiments (lab/words.h): each NAME.md beside a NAME.cpp becomes a part of the program,
# so that `list` and reports need no file. When a page changes, one small source is made and compiled
# anew.
#   omniscale_words(target experiments/subliminal_learning/subliminal_learning.md ...)
# gives the target `omni::word_pages()` (lab/word_pages.h). Two pages of one name are an error. As a
# script:
#   cmake -D OUTPUT= -D "PAGES=a.md;b.md" -P words.cmake
if(CMAKE_SCRIPT_MODE_FILE)
  set(pages "")
  foreach(page IN LISTS PAGES)
    cmake_path(GET page STEM LAST_ONLY stem)
    file(READ ${page} words)
    string(FIND "${words}" ")words\"" at)
    if(NOT at EQUAL -1)
      message(FATAL_ERROR "${page}: it holds )words\" which ends its text in the program")
    endif()
    string(APPEND pages "    {\"${stem}\", R\"words(${words})words\"},\n")
  endforeach()
  # One with no name stands last, as no array is empty.
  file(WRITE ${OUTPUT} "// Made from the pages of experiments.\n#include \"lab/word_pages.h\"\n\n"
    "namespace omni {\n\nWordPages word_pages() {\n  static constexpr WordPage kPages[] = {\n"
    "${pages}    {}};\n  return WordPages(kPages).first(std::size(kPages) - 1);\n}\n\n"
    "}  // namespace omni\n")
  return()
endif()

set(OMNI_WORDS_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

function(omniscale_words target)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${target}_words.cpp)
  list(TRANSFORM ARGN PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/ REGEX "^[^/]" OUTPUT_VARIABLE pages)
  set(stems)
  foreach(page IN LISTS pages)
    cmake_path(GET page STEM LAST_ONLY stem)
    if(stem IN_LIST stems)
      message(FATAL_ERROR "${page}: another page of ${target} is called ${stem}.md, too")
    endif()
    list(APPEND stems ${stem})
  endforeach()
  add_custom_command(OUTPUT ${output} DEPENDS ${pages} ${OMNI_WORDS_SCRIPT} VERBATIM
    COMMENT "Embedding the pages of ${target}"
    COMMAND ${CMAKE_COMMAND} -D OUTPUT=${output} "-DPAGES=${pages}" -P ${OMNI_WORDS_SCRIPT})
  target_sources(${target} PRIVATE ${output})
endfunction()
