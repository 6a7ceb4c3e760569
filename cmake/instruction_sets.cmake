# Highway compiles a kernel for every instruction set but these: SSSE3, which nothing selects, and SVE, whose vectors
# have no size that an array could be made of. On ARM, too, scalar is one of them.
set(TESSERA_HIGHWAY_DEFINITIONS HWY_COMPILE_ALL_ATTAINABLE
    "HWY_DISABLED_TARGETS=(HWY_SSSE3|HWY_SVE|HWY_SVE2|HWY_SVE_256|HWY_SVE2_128)")

# Files of kernels/ that are to compute the same on every instruction set: not each of them can fuse a product and a sum, so
# that is done where the code says so, nowhere else.
set(TESSERA_UNFUSED_KERNELS matmul.cpp matmul_pack.cpp nearest_indices.cpp token_weights.cpp)
if(TESSERA_FUZZ)  # asks about what enters the kernels; all of them under the sanitizers take clang half an hour
  set(TESSERA_HIGHWAY_DEFINITIONS HWY_COMPILE_ONLY_STATIC)
endif()
