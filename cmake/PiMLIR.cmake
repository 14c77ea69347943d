# Finds LLVM/MLIR and defines how this project's libraries, tools and
# generated files are built against the shared libMLIR.

find_package(MLIR 22.1 REQUIRED CONFIG HINTS /usr/lib/llvm-22/lib/cmake/mlir)
message(STATUS "Using MLIR ${LLVM_PACKAGE_VERSION} in ${MLIR_DIR}")

# Debian's package leaves this out; without it every tool would link the static
# archives, and mixing both in one process registers options twice.
set(MLIR_LINK_MLIR_DYLIB ON)
set(LLVM_LINK_LLVM_DYLIB ON)

list(APPEND CMAKE_MODULE_PATH "${MLIR_CMAKE_DIR}" "${LLVM_CMAKE_DIR}")
include(TableGen)
include(AddLLVM)
include(AddMLIR)
include(HandleLLVMOptions)

include_directories(SYSTEM ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
separate_arguments(LLVM_DEFINITIONS_LIST NATIVE_COMMAND ${LLVM_DEFINITIONS})
add_definitions(${LLVM_DEFINITIONS_LIST})
add_compile_options(-Wall -Wextra -Wno-unused-parameter)

# pi_tablegen(<td> <target> <flag>=<output> ...) runs mlir-tblgen once per pair.
function(pi_tablegen td target)
  set(LLVM_TARGET_DEFINITIONS ${td})
  foreach(pair ${ARGN})
    string(REGEX MATCH "^(.*)>(.*)$" _ "${pair}")
    separate_arguments(flags UNIX_COMMAND "${CMAKE_MATCH_1}")
    mlir_tablegen(${CMAKE_MATCH_2} ${flags})
  endforeach()
  add_public_tablegen_target(${target})
  add_dependencies(pi-headers ${target})
endfunction()

# All generated headers; every compiler library depends on it.
add_custom_target(pi-headers)

# pi_add_library(<name> <sources>... [LINK <our libraries>...]) builds a part of
# the compiler as a static library with the shared precompiled MLIR headers.
function(pi_add_library name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  add_dependencies(${name} pi-headers)
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
  target_compile_options(${name} PRIVATE -fno-rtti -fno-exceptions)
  target_precompile_headers(${name} REUSE_FROM PiPrecompiledHeaders)
  # ccache cannot see through GCC's precompiled headers without it.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${name} PRIVATE -fpch-preprocess)
  endif()
endfunction()

# pi_add_tool(<name> <sources>... [LINK <our libraries>...]) builds a program
# that links libMLIR.
function(pi_add_tool name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  add_dependencies(${name} pi-headers)
  target_link_libraries(${name} PRIVATE ${ARG_LINK} MLIR LLVM)
  # LLVM is built without RTTI and exceptions; so is what links with it.
  target_compile_options(${name} PRIVATE -fno-rtti -fno-exceptions)
endfunction()

file(WRITE ${CMAKE_BINARY_DIR}/empty.cpp "")
add_library(PiPrecompiledHeaders STATIC ${CMAKE_BINARY_DIR}/empty.cpp)
target_compile_options(PiPrecompiledHeaders PRIVATE -fno-rtti -fno-exceptions)
target_precompile_headers(PiPrecompiledHeaders PRIVATE
  <mlir/Dialect/Arith/IR/Arith.h>
  <mlir/Dialect/Func/IR/FuncOps.h>
  <mlir/IR/Builders.h>
  <mlir/IR/BuiltinOps.h>
  <mlir/IR/DialectImplementation.h>
  <mlir/IR/OpImplementation.h>
  <mlir/IR/PatternMatch.h>
  <mlir/Interfaces/InferTypeOpInterface.h>
  <mlir/Interfaces/SideEffectInterfaces.h>
  <mlir/Pass/Pass.h>
  <mlir/Transforms/DialectConversion.h>
  <llvm/ADT/TypeSwitch.h>)
