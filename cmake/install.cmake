# `cmake --install` and, in another project, `find_package(omniscale)`.
include(CMakePackageConfigHelpers)
set(OMNI_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/omniscale)

install(TARGETS omniscale_library EXPORT omniscale_targets)
install(TARGETS omniscale)
install(FILES $<TARGET_FILE:omniscale>.counts DESTINATION ${CMAKE_INSTALL_BINDIR} OPTIONAL)
install(EXPORT omniscale_targets NAMESPACE omniscale:: DESTINATION ${OMNI_PACKAGE_DIR}
  FILE omniscale-targets.cmake)
install(DIRECTORY src/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/omniscale FILES_MATCHING
  PATTERN "*.h" PATTERN "test*.h" EXCLUDE)

# In the folders that they are in here, so that links between pages lead on.
install(FILES README.md CONTRIBUTING.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs examples DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY experiments DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.md")

configure_package_config_file(cmake/omniscale-config.cmake.in omniscale-config.cmake
  INSTALL_DESTINATION ${OMNI_PACKAGE_DIR})
write_basic_package_version_file(omniscale-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/omniscale-config.cmake
  ${PROJECT_BINARY_DIR}/omniscale-config-version.cmake
  cmake/dependencies.cmake cmake/experiment.cmake cmake/count_presets.cmake cmake/words.cmake
  cmake/experiment_main.cpp.in
  DESTINATION ${OMNI_PACKAGE_DIR})
