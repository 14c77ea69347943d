# Defines PiTorch: LibTorch's headers and CPU libraries, as they are inside the
# Python package. TorchConfig.cmake is not used: it insists on a CUDA compiler.

file(GLOB PI_TORCH_HINTS ${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch)
find_path(PI_TORCH_INCLUDE_DIR ATen/ATen.h
  HINTS ${PI_TORCH_HINTS} PATH_SUFFIXES include)
find_library(PI_TORCH_CPU_LIBRARY torch_cpu
  HINTS ${PI_TORCH_HINTS} PATH_SUFFIXES lib)
find_library(PI_TORCH_C10_LIBRARY c10 HINTS ${PI_TORCH_HINTS} PATH_SUFFIXES lib)

foreach(part INCLUDE_DIR CPU_LIBRARY C10_LIBRARY)
  if(NOT PI_TORCH_${part})
    message(FATAL_ERROR
      "LibTorch not found in .venv. Run scripts/setup, which installs it "
      "there, or switch its tests off with -DPI_ENABLE_TORCH=OFF.")
  endif()
endforeach()
message(STATUS "Using LibTorch in ${PI_TORCH_INCLUDE_DIR}")

add_library(PiTorch INTERFACE)
target_include_directories(PiTorch SYSTEM INTERFACE ${PI_TORCH_INCLUDE_DIR})
target_link_libraries(PiTorch INTERFACE
  ${PI_TORCH_CPU_LIBRARY} ${PI_TORCH_C10_LIBRARY})
