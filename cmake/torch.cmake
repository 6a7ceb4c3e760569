# LibTorch, as the target `torch` and TORCH_INCLUDE_DIRS: Debian's package, or the one inside a PyTorch wheel
# (scripts/build.sh --torch-prefix DIR).
find_path(Torch_DIR TorchConfig.cmake HINTS ${CMAKE_PREFIX_PATH} PATHS /usr /usr/local NO_DEFAULT_PATH
          PATH_SUFFIXES Torch share/cmake/Torch lib/cmake/Torch lib/${CMAKE_LIBRARY_ARCHITECTURE}/cmake/Torch)
if(NOT Torch_DIR)
  message(FATAL_ERROR "LibTorch was not found: expected TorchConfig.cmake below CMAKE_PREFIX_PATH. Install Debian's "
                      "libtorch-dev, or name a PyTorch wheel's: scripts/build.sh --torch-prefix \"$(python3 -c "
                      "'import torch; print(torch.utils.cmake_prefix_path)')\"; or set TESSERA_TORCH=OFF.")
endif()
file(STRINGS ${Torch_DIR}/TorchConfig.cmake old_abi REGEX "_GLIBCXX_USE_CXX11_ABI=0")
if(old_abi)
  message(FATAL_ERROR "The LibTorch in ${Torch_DIR} was built with the C++ ABI from before GCC 5 "
                      "(_GLIBCXX_USE_CXX11_ABI=0), which the system's libraries cannot be linked with: expected one with "
                      "_GLIBCXX_USE_CXX11_ABI=1 (PyTorch's wheels since 2.7, Debian's libtorch-dev).")
endif()

get_filename_component(torch_prefix ${Torch_DIR}/../../.. ABSOLUTE)
if(EXISTS ${torch_prefix}/lib/libtorch_cuda.so)
  find_package(CUDAToolkit QUIET)
endif()
if(EXISTS ${torch_prefix}/lib/libtorch_cuda.so AND NOT CUDAToolkit_FOUND)
  # TorchConfig.cmake of a CUDA build asks for the toolkit, which only code for GPUs is compiled with.
  message(STATUS "LibTorch is a build for CUDA and there is no CUDA toolkit: linking with its libraries as they are.")
  set(TORCH_INCLUDE_DIRS ${torch_prefix}/include ${torch_prefix}/include/torch/csrc/api/include)
  add_library(torch INTERFACE IMPORTED)
  target_include_directories(torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
  # Nothing of ours refers to a symbol of libtorch_cuda: it registers what it has when it is loaded.
  target_link_libraries(torch INTERFACE -Wl,--no-as-needed ${torch_prefix}/lib/libtorch.so ${torch_prefix}/lib/libtorch_cpu.so
                        ${torch_prefix}/lib/libtorch_cuda.so ${torch_prefix}/lib/libc10.so -Wl,--as-needed)
  target_link_options(torch INTERFACE -Wl,-rpath,${torch_prefix}/lib)
else()
  find_package(Torch REQUIRED)
endif()

# A wheel's libtorch.so exports parts of the libstdc++ that it was built with, std::filesystem::remove_all among them, which
# crash beside the system's. The system's comes first, so that its functions are the ones found.
target_link_options(torch INTERFACE "LINKER:--push-state,--no-as-needed,-lstdc++,--pop-state")
