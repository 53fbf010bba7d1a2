# `./omni bench` runs this program; the peers' side is in bench/peers, and what was
# installed for it in a folder of the build.
file(GLOB bench_sources CONFIGURE_DEPENDS bench/*.cpp)
if(bench_sources)
  add_executable(omniscale-bench EXCLUDE_FROM_ALL ${bench_sources})
  target_link_libraries(omniscale-bench PRIVATE omni_experiments ${OMNI_PRIVATE_LIBRARIES})
  target_compile_options(omniscale-bench PRIVATE ${OMNI_WARNINGS} -fno-math-errno)
  target_compile_definitions(omniscale-bench PRIVATE
    OMNI_PEERS_DIR="${PROJECT_SOURCE_DIR}/bench/peers"
    OMNI_PEERS_HOME="${PROJECT_BINARY_DIR}/peers"
    OMNI_EXAMPLE_DIR="${PROJECT_SOURCE_DIR}/examples/my_idea"
    OMNI_BUILD_DIR="${PROJECT_BINARY_DIR}")
  add_dependencies(omniscale-bench omniscale)  # which is installed before an example is built
endif()
