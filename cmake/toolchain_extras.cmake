# Warnings, sanitizers, and what makes a build faster where it is installed.
# Members left out of an initialiser have their defaults: that is this code's style, no oversight.
set(OMNI_WARNINGS -Wall -Wextra -Wno-missing-field-initializers -Werror=return-type)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 13)
  list(APPEND OMNI_WARNINGS -Wno-dangling-reference)  # false ones of values that hold no reference
elseif(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  list(APPEND OMNI_WARNINGS -Wno-restrict)  # GCC 12 gives false ones on "text" + std::string
endif()

find_program(OMNI_CCACHE ccache)
find_program(OMNI_MOLD mold)
mark_as_advanced(OMNI_CCACHE OMNI_MOLD)
if(OMNI_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${OMNI_CCACHE})
endif()
if(OMNI_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

if(OMNI_SANITIZE)
  # -O1 with frames and line numbers alone: reports name lines, and the suite still ends within
  # minutes. What they find ends the test. Instrumented library code sets off a false warning of
  # GCC 12, of variables in <regex> and <functional>.
  add_compile_options(-fsanitize=${OMNI_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer
    -g1 -O1 -Wno-maybe-uninitialized)
  add_link_options(-fsanitize=${OMNI_SANITIZE})
endif()
