# A folder of src/ is one module: every .cpp is library code, but *_test.cpp, which are its unit tests. EXCLUDE names files
# that this build leaves out. With TESSERA_UNITY the sources of a module with LibTorch, or of one with UNITY here, are compiled
# a dozen at once, so no two of them may give the same name to what only they see.
#
#   tessera_module(image LINK base PNG::PNG)
#   tessera_module(tokenizer TORCH LINK training tokens)

add_library(tessera_flags INTERFACE)
target_compile_options(tessera_flags INTERFACE -Wall -Wextra -Wshadow -Wno-missing-field-initializers
                       $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
target_include_directories(tessera_flags INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/include)
if(TESSERA_SANITIZE)
  target_compile_options(tessera_flags INTERFACE -fsanitize=${TESSERA_SANITIZE}
                         -fno-sanitize-recover=all -fno-omit-frame-pointer -g)
  target_link_options(tessera_flags INTERFACE -fsanitize=${TESSERA_SANITIZE})
endif()
if(TESSERA_FUZZ)
  target_compile_options(tessera_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(TESSERA_TORCH)
  include(${CMAKE_CURRENT_LIST_DIR}/torch_pch.cmake)
endif()

# Several sources of a target as one translation unit: with LibTorch each costs five seconds before its first line.
function(tessera_unity target)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${TESSERA_UNITY} UNITY_BUILD_BATCH_SIZE 12)
endfunction()

# For targets whose sources include LibTorch.
function(tessera_use_torch target)
  target_link_libraries(${target} PUBLIC tessera_torch)
  target_compile_options(${target} PRIVATE ${TESSERA_TORCH_OPTIONS})
  set_target_properties(${target} PROPERTIES CXX_COMPILER_LAUNCHER "${TESSERA_TORCH_LAUNCHER}")
  target_precompile_headers(${target} REUSE_FROM tessera_torch_pch)
  tessera_unity(${target})
endfunction()

# The program NAME_test as a test with a label: torch, or light for what runs without LibTorch. Tests run side by side, so threads
# that have nothing to do must not keep a core busy while they wait.
function(tessera_test name seconds label)
  add_test(NAME ${name} COMMAND ${name}_test)
  set_tests_properties(${name} PROPERTIES TIMEOUT ${seconds} LABELS ${label} ENVIRONMENT OMP_WAIT_POLICY=passive)
endfunction()

function(tessera_module name)
  cmake_parse_arguments(ARG "TORCH;UNITY" "" "LINK;EXCLUDE" ${ARGN})
  if(ARG_TORCH AND NOT TESSERA_TORCH)
    return()
  endif()
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cpp)
  list(TRANSFORM ARG_EXCLUDE PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/${name}/)
  list(REMOVE_ITEM sources ${ARG_EXCLUDE})
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")

  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC tessera_flags ${ARG_LINK})
  if(ARG_TORCH)
    tessera_use_torch(${name})
  else()
    # They are linked into libtessera, too. Their functions are never replaced there, so they may be inlined.
    set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    target_compile_options(${name} PRIVATE -fno-semantic-interposition)
    if(ARG_UNITY)
      tessera_unity(${name})
    endif()
  endif()
  if(TESSERA_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE ${name} GTest::gmock GTest::gtest_main)
    if(ARG_TORCH)
      tessera_use_torch(${name}_test)
    elseif(ARG_UNITY)
      tessera_unity(${name}_test)
    endif()
    if(ARG_TORCH)
      tessera_test(${name} 600 torch)
    else()
      tessera_test(${name} 600 light)
    endif()
  endif()
endfunction()
