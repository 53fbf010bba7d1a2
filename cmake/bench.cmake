# `./omni bench` runs this program; it finds PyTorch's side of the comparison in bench/peers.
file(GLOB bench_sources CONFIGURE_DEPENDS bench/*.cpp)
if(bench_sources)
  add_executable(omniscale-bench EXCLUDE_FROM_ALL ${bench_sources})
  target_link_libraries(omniscale-bench PRIVATE omni_experiments ${OMNI_PRIVATE_LIBRARIES})
  target_compile_options(omniscale-bench PRIVATE ${OMNI_WARNINGS} -fno-math-errno)
  target_compile_definitions(omniscale-bench PRIVATE
    OMNI_PEERS_DIR="${PROJECT_SOURCE_DIR}/bench/peers")
endif()
