# Finds the CUDA 13 headers, ptxas and libdevice. No GPU is needed, and no
# CUDA library is linked: the runtime opens libcuda and libcublasLt when run.
#
#   PI_CUDA_ROOT         the toolkit: holds include/, bin/ and nvvm/
#   PI_CUDA_INCLUDE_DIR  cuda.h and cublasLt.h
#   PI_CUDA_PTXAS        the assembler
#   PI_CUDA_LIBDEVICE    libdevice.10.bc

# Without a toolkit on the machine, the Python environment that scripts/setup
# makes has NVIDIA's packages with the same files.
file(GLOB PI_CUDA_PYTHON_ROOT
  ${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/nvidia/cu13)

find_path(PI_CUDA_INCLUDE_DIR cublasLt.h
  HINTS $ENV{CUDA_HOME} /usr/local/cuda ${PI_CUDA_PYTHON_ROOT}
  PATH_SUFFIXES include NO_DEFAULT_PATH)
get_filename_component(PI_CUDA_ROOT "${PI_CUDA_INCLUDE_DIR}" DIRECTORY)
find_program(PI_CUDA_PTXAS ptxas
  HINTS ${PI_CUDA_ROOT} $ENV{CUDA_HOME} /usr/local/cuda ${PI_CUDA_PYTHON_ROOT}
  PATH_SUFFIXES bin)
find_file(PI_CUDA_LIBDEVICE libdevice.10.bc
  HINTS ${PI_CUDA_ROOT} $ENV{CUDA_HOME} /usr/local/cuda ${PI_CUDA_PYTHON_ROOT}
  PATH_SUFFIXES nvvm/libdevice)

foreach(part INCLUDE_DIR PTXAS LIBDEVICE)
  if(NOT PI_CUDA_${part})
    message(FATAL_ERROR
      "PI_CUDA_${part} not found: no CUDA 13 toolkit in $CUDA_HOME, "
      "/usr/local/cuda or .venv. Run scripts/setup, which installs it there.")
  endif()
endforeach()
message(STATUS "Using CUDA in ${PI_CUDA_ROOT}, ${PI_CUDA_PTXAS}")
