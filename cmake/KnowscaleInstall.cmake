# SPDX-License-Identifier: BSD-3-Clause
# cmake --install: the program, the libraries, their headers, the campaigns, and a package config file, so that
# find_package(knowscale) gives knowscale::kernels, knowscale::comm and the rest.
get_property(layers GLOBAL PROPERTY KNOWSCALE_LAYERS)
install(TARGETS knowscale_main RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS ${layers} knowscale_mpi knowscale_hdf5 knowscale_random123 knowscale_version EXPORT knowscale
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY src/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/knowscale
  FILES_MATCHING PATTERN "*.hpp" PATTERN "*-inl.hpp" EXCLUDE)
install(DIRECTORY bench/campaigns DESTINATION ${CMAKE_INSTALL_DATADIR}/knowscale)
install(FILES data/wordnet-sample.h5 data/WORDNET-LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/knowscale/data)
install(FILES LICENSE README.md CITATION.cff DESTINATION ${CMAKE_INSTALL_DOCDIR})

foreach(optional knowscale_cudnn knowscale_nccl)
  if(TARGET ${optional})
    install(TARGETS ${optional} EXPORT knowscale)
  endif()
endforeach()

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/knowscale)
configure_package_config_file(cmake/knowscale-config.cmake.in ${PROJECT_BINARY_DIR}/knowscale-config.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/knowscale-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/knowscale-config.cmake ${PROJECT_BINARY_DIR}/knowscale-config-version.cmake
  DESTINATION ${package_dir})
install(EXPORT knowscale NAMESPACE knowscale:: DESTINATION ${package_dir})
