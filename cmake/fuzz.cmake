# Fuzz targets, fuzz/NAME.cpp, each built twice: as a plain program that takes the kept inputs, a
# test of every build, and with libFuzzer, for `./omni fuzz`. The latter is clang's, so the parsers
# are compiled once more with it and stand before the library at the link, which then gives the
# rest: all of the library under clang and its sanitizers would take some ten times as long.
set(fuzz_targets configuration arguments seeds idx safetensors ensemble checkpoint manifest
  figure_spec metric_ranges bpe words pages text choices hub_config tokenizer_folder hub_index counts
  seen_runs host_state)
set(fuzz_choosing configuration arguments)  # these resolve settings of the catalogue

function(add_fuzz_program program name)
  add_executable(${program} EXCLUDE_FROM_ALL fuzz/${name}.cpp)
  if(name IN_LIST fuzz_choosing)
    target_sources(${program} PRIVATE fuzz/choosing.cpp)
    target_link_libraries(${program} PRIVATE omni_experiments)
  endif()
endfunction()

add_library(omni_corpus STATIC EXCLUDE_FROM_ALL fuzz/corpus.cpp fuzz/target.cpp)
target_include_directories(omni_corpus PUBLIC ${PROJECT_SOURCE_DIR})
target_link_libraries(omni_corpus PUBLIC omniscale_library)
omni_precompile_headers(omni_corpus PRIVATE ${OMNI_SHARED_HEADERS})
foreach(name IN LISTS fuzz_targets)
  add_fuzz_program(corpus_${name} ${name})
  target_link_libraries(corpus_${name} PRIVATE omni_corpus)
  target_compile_options(corpus_${name} PRIVATE ${OMNI_WARNINGS})
  omni_precompile_headers(corpus_${name} REUSE_FROM omni_corpus)
  add_dependencies(omni_tests corpus_${name})
  add_test(NAME "fuzz/${name} corpus"
    COMMAND corpus_${name} ${PROJECT_SOURCE_DIR}/fuzz/corpus/${name})
  set_tests_properties("fuzz/${name} corpus" PROPERTIES LABELS short TIMEOUT 600)
endforeach()

if(OMNI_SANITIZE)
  return()  # libFuzzer brings its own
endif()

# Called as `sh -c '... "$@"' COMPILER arguments`: the compiler's own name is $0 and left out.
# Debian 12 has its version 16 beside an older one that is too old.
set(clang "$(command -v clang++-16 || command -v clang++) \"$@\"")
if(OMNI_CCACHE)
  string(PREPEND clang "${OMNI_CCACHE} ")
endif()
set(clang sh -c "exec ${clang}")
set(fuzz_sanitizers address,undefined,float-cast-overflow)

function(use_clang target sanitizers)
  set_target_properties(${target} PROPERTIES CXX_COMPILER_LAUNCHER "${clang}"
    CXX_LINKER_LAUNCHER "${clang}" COMPILE_WARNING_AS_ERROR OFF)
  target_compile_options(${target} PRIVATE -fsanitize=${sanitizers} -fno-sanitize-recover=all
    -fno-omit-frame-pointer -gline-tables-only -O1)
endfunction()

add_library(omni_fuzz_parsers OBJECT EXCLUDE_FROM_ALL fuzz/fuzzer.cpp fuzz/target.cpp)
foreach(source base/json base/nearest base/star base/utf8 cli/choice data/idx graph/type
    weights/arrays lab/checkpoint lab/counts weights/hub_config weights/hub_shards lab/numbers
    lab/options lab/resolve lab/plain_text lab/seen_runs lab/wanted lab/words lab/words_parser
    nn/ensemble store/figure_spec store/files store/metric_range store/run_folder store/safetensors
    text/added_tokens text/bpe text/bpe_files text/bpe_parts text/byte_letters text/char_tokenizer
    text/choice_items text/lines text/piece_counts text/pieces text/tokenizer text/tokenizer_files
    text/tokenizer_json text/tokenizer_rules text/unicode text/word_tokenizer)
  target_sources(omni_fuzz_parsers PRIVATE src/${source}.cpp)
endforeach()
target_include_directories(omni_fuzz_parsers PUBLIC ${PROJECT_SOURCE_DIR})
target_link_libraries(omni_fuzz_parsers PUBLIC omniscale_library PRIVATE ${OMNI_PRIVATE_LIBRARIES})
use_clang(omni_fuzz_parsers fuzzer-no-link,${fuzz_sanitizers})

add_custom_target(omni_fuzz)
foreach(name IN LISTS fuzz_targets)
  add_fuzz_program(fuzz_${name} ${name})
  use_clang(fuzz_${name} fuzzer,${fuzz_sanitizers})
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer,${fuzz_sanitizers})
  target_link_libraries(fuzz_${name} PRIVATE omni_fuzz_parsers)  # its objects, then the library
  set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY fuzz OUTPUT_NAME ${name})
  add_dependencies(omni_fuzz fuzz_${name})
  if(OMNI_LONG_TESTS)
    add_test(NAME "fuzz/${name}"
      COMMAND ${PROJECT_SOURCE_DIR}/omni fuzz --seconds 60 ${name})
    set_tests_properties("fuzz/${name}" PROPERTIES LABELS long TIMEOUT 1800)
  endif()
endforeach()
