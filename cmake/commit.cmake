# The commit that every artefact names. Refreshed at configure time and whenever HEAD moves.
execute_process(COMMAND git describe --always --dirty --abbrev=12
                WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
                OUTPUT_VARIABLE TESSERA_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT TESSERA_COMMIT)
  set(TESSERA_COMMIT "unknown")
endif()
configure_file(${CMAKE_SOURCE_DIR}/src/base/version.cpp.in ${CMAKE_BINARY_DIR}/version.cpp @ONLY)
if(EXISTS ${CMAKE_SOURCE_DIR}/.git/logs/HEAD)
  set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
               ${CMAKE_SOURCE_DIR}/.git/logs/HEAD)
endif()
