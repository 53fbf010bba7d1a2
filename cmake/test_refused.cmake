# Compiles SOURCE, for its errors alone, with SLIP defined: expects one error, which says SAYS; with
# no SLIP, none.
list(TRANSFORM INCLUDES PREPEND "-I")
if(SLIP)
  set(define -D${SLIP})
endif()
execute_process(
  COMMAND ${COMPILER} -std=c++20 -fsyntax-only ${define} ${INCLUDES} ${SOURCE}
  ERROR_VARIABLE text RESULT_VARIABLE code)
string(REPLACE ";" "," text "${text}")
string(REGEX MATCHALL "[^\n]*error: [^\n]*" errors "${text}")
list(LENGTH errors count)
if(NOT SLIP)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "expected it to compile:\n${text}")
  endif()
  return()
endif()
string(FIND "${errors}" "${SAYS}" found)
if(NOT count EQUAL 1 OR found EQUAL -1)
  message(FATAL_ERROR "expected one error, which says: ${SAYS}\ngot ${count}:\n${text}")
endif()
