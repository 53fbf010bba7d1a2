# Writes build_info.cpp when its contents change: run at each build, so that a new commit
# recompiles this one small file and nothing else.
#   cmake -D SOURCE_DIR= -D VERSION= -D BUILD_TYPE= -D OUTPUT= -P build_info.cmake
set(COMMIT "unknown")
set(DIRTY false)
find_program(GIT git)
if(GIT AND EXISTS ${SOURCE_DIR}/.git)
  # A folder owned by another user (a container's mount) is still ours to read.
  set(git ${GIT} -c safe.directory=* -C ${SOURCE_DIR})
  execute_process(COMMAND ${git} rev-parse --short=12 HEAD
    OUTPUT_VARIABLE head OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed ERROR_QUIET)
  if(NOT failed)
    set(COMMIT ${head})
    execute_process(COMMAND ${git} status --porcelain --untracked-files=normal
      OUTPUT_VARIABLE changes ERROR_QUIET)
    if(changes)
      set(DIRTY true)
    endif()
  endif()
endif()
# Of all that a model's bits can depend on, but for the experiment itself.
set(sums "")
foreach(folder base graph cpu ops engine executors nn data text weights lab studies)
  file(GLOB_RECURSE sources RELATIVE ${SOURCE_DIR} ${SOURCE_DIR}/src/${folder}/*.h
    ${SOURCE_DIR}/src/${folder}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  list(SORT sources)
  foreach(source IN LISTS sources)
    file(SHA256 ${SOURCE_DIR}/${source} sum)
    string(APPEND sums "${source} ${sum}\n")
  endforeach()
endforeach()
string(SHA256 LIBRARY "${sums}")
string(SUBSTRING ${LIBRARY} 0 16 LIBRARY)
configure_file(${CMAKE_CURRENT_LIST_DIR}/build_info.cpp.in ${OUTPUT} @ONLY)
