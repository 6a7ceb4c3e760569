# A file as part of a program: tessera_embed(study report_style study/page/report.css) makes the function
# std::string_view tessera::report_style(), the bytes of the file.
function(tessera_embed target name file)
  get_filename_component(EMBED_FILE ${file} ABSOLUTE)
  set(EMBED_NAME ${name})
  set(source ${CMAKE_CURRENT_BINARY_DIR}/embedded/${name}.cpp)
  configure_file(${CMAKE_SOURCE_DIR}/cmake/embedded.cpp.in ${source} @ONLY)
  set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS ${EMBED_FILE})
  target_sources(${target} PRIVATE ${source})
endfunction()
