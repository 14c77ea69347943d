//===- CublasLt.h - Products by cuBLASLt ------------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_RUNTIME_CUDA_CUBLASLT_H
#define PI_LIB_RUNTIME_CUDA_CUBLASLT_H

#include "CudaDriver.h"
#include "Plan.h"

#include <cublasLt.h>

#include <map>
#include <memory>

namespace pi_runtime {

/// Functions of cuBLASLt, opened when needed.
struct CublasLtFunctions;

/// The device addresses of a product; c and bias may be 0.
struct GemmBuffers {
  CUdeviceptr a, b, c, d, bias;
};

/// Runs products on one device. For each shape the algorithm is the one that
/// the plan names, else the one stored in the tuning file, else the first that
/// cuBLASLt's heuristic proposes.
class CublasLt {
public:
  /// `tuningPath` is a JSON file, which need not exist: for each device and
  /// library version, the algorithm of each shape, as the place in heuristic
  /// order.
  static Result<std::unique_ptr<CublasLt>> create(const CudaDriver &driver,
                                                  std::string deviceName,
                                                  std::string tuningPath);
  ~CublasLt();

  /// Enqueues a product.
  Status run(const GemmStep &gemm, const GemmBuffers &buffers, CUstream stream);

  /// Times the candidates of this product's shape, unless it has been done, and
  /// remembers the fastest. Writes to the product's result.
  Status tune(const GemmStep &gemm, const GemmBuffers &buffers,
              CUstream stream);

  /// Writes what tuning has found to the tuning file.
  Status saveTuning() const;

private:
  struct Problem;

  CublasLt(const CudaDriver &driver, const CublasLtFunctions &functions,
           std::string device, std::string tuningPath);

  Status readTuning();
  Status check(cublasStatus_t result, const char *call) const;
  Result<Problem *> prepare(const GemmStep &gemm, bool hasBias);
  Status describe(const GemmStep &gemm, bool hasBias, Problem &problem);
  Status findCandidates(Problem &problem);
  Status launch(const GemmStep &gemm, const GemmBuffers &buffers,
                Problem &problem, size_t candidate, CUstream stream);
  Result<float> time(const GemmStep &gemm, const GemmBuffers &buffers,
                     Problem &problem, size_t candidate, CUstream stream);

  const CudaDriver &driver;
  const CublasLtFunctions &functions;
  /// The device and library that choices are valid for.
  std::string device;
  std::string tuningPath;
  cublasLtHandle_t handle = nullptr;
  CUdeviceptr workspace = 0;
  /// By what a product computes.
  std::map<std::string, std::unique_ptr<Problem>> problems;
  std::map<std::string, size_t> choices;
};

} // namespace pi_runtime

#endif // PI_LIB_RUNTIME_CUDA_CUBLASLT_H
