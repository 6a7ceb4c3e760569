# What users of the engine get: cmake --install, and a Debian package of it (scripts/package.sh).
include(CMakePackageConfigHelpers)

if(TESSERA_TORCH)
  install(TARGETS tessera)
endif()
if(NOT TESSERA_ENGINE)
  return()
endif()
install(TARGETS tessera-lite)

# The library: shared, both headers, and how CMake and pkg-config find it.
install(TARGETS libtessera EXPORT tessera)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/tessera DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/tessera)
install(EXPORT tessera FILE tesseraConfig.cmake NAMESPACE tessera:: DESTINATION ${package_folder})
# Until 1.0 a minor version may change what the one before promised.
write_basic_package_version_file(${CMAKE_BINARY_DIR}/tesseraConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/tesseraConfigVersion.cmake DESTINATION ${package_folder})
file(RELATIVE_PATH prefix_from_pkgconfig /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${CMAKE_SOURCE_DIR}/cmake/tessera.pc.in ${CMAKE_BINARY_DIR}/tessera.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/tessera.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# For the shell. The page is what --help says, so it needs a program that runs here.
set(page ${CMAKE_BINARY_DIR}/tessera-lite.1)
add_custom_command(OUTPUT ${page} COMMAND ${CMAKE_SOURCE_DIR}/tools/man_page $<TARGET_FILE:tessera-lite> ${page}
                   DEPENDS tessera-lite ${CMAKE_SOURCE_DIR}/tools/man_page VERBATIM)
add_custom_target(man_page ALL DEPENDS ${page})
install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
set(completions ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${CMAKE_SOURCE_DIR}/cmake/completion.bash DESTINATION ${completions} RENAME tessera-lite)
if(TESSERA_TORCH)
  install(FILES ${CMAKE_SOURCE_DIR}/cmake/completion.bash DESTINATION ${completions} RENAME tessera)
endif()
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)

# The package holds the engine's side alone.
if(NOT TESSERA_TORCH)
  set(CPACK_GENERATOR DEB)
  set(CPACK_PACKAGE_NAME tessera-lite)
  set(CPACK_PACKAGE_VENDOR Tessera)
  set(CPACK_PACKAGE_CONTACT "the developers of Tessera")
  set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "image generation on the processor with models trained by Tessera")
  set(CPACK_PACKAGE_DESCRIPTION "The program tessera-lite and the library libtessera with its headers for C and C++: \
they open model folders that Tessera has trained or imported and draw images, without LibTorch.")
  set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
  set(CPACK_STRIP_FILES ON)
  set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
  set(CPACK_DEBIAN_PACKAGE_SECTION graphics)
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
  set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
  include(CPack)
endif()
