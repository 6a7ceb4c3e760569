# LibTorch's headers take 20 s to parse: they are parsed once, for all targets that use them (tessera_use_torch).

# What is hot runs inside LibTorch or in kernels/, so -O1 costs nothing here and compiles four times as fast as -O3.
set(TESSERA_TORCH_OPTIONS -O1)

# -pthread defines _REENTRANT, and GCC refuses a precompiled header whose users define what it does not: all have it.
add_library(tessera_torch INTERFACE)
target_include_directories(tessera_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
target_link_libraries(tessera_torch INTERFACE torch Threads::Threads)

add_library(tessera_torch_pch OBJECT ${CMAKE_CURRENT_LIST_DIR}/torch_pch.cpp)
target_compile_options(tessera_torch_pch PRIVATE ${TESSERA_TORCH_OPTIONS})
target_link_libraries(tessera_torch_pch PRIVATE tessera_flags tessera_torch)
target_precompile_headers(tessera_torch_pch PRIVATE <torch/torch.h>)
set_target_properties(tessera_torch_pch PROPERTIES CXX_COMPILER_LAUNCHER "")

# ccache would hash the precompiled header, 600 MB, at each call. It reads this instead: compiler, flags, and every header
# of LibTorch by name, size and time.
set(TESSERA_TORCH_LAUNCHER "")
if(CCACHE)
  set(summary "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION} ${CMAKE_BUILD_TYPE} ${CMAKE_CXX_FLAGS} "
              "${CMAKE_CXX_FLAGS_${CMAKE_BUILD_TYPE}} ${TESSERA_TORCH_OPTIONS} ${TORCH_CXX_FLAGS}\n")
  foreach(folder ${TORCH_INCLUDE_DIRS})
    file(GLOB_RECURSE headers ${folder}/torch/*.h ${folder}/ATen/*.h ${folder}/c10/*.h)
    foreach(header ${headers})
      file(SIZE ${header} bytes)
      file(TIMESTAMP ${header} time)
      string(APPEND summary "${header} ${bytes} ${time}\n")
    endforeach()
  endforeach()
  string(SHA256 summary "${summary}")
  file(CONFIGURE OUTPUT CMakeFiles/tessera_torch_pch.dir/cmake_pch.hxx.gch.sum CONTENT "${summary}\n" @ONLY)
  set(TESSERA_TORCH_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_PCH_EXTSUM=true CCACHE_SLOPPINESS=pch_defines,time_macros
                             CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} ${CCACHE})
endif()
