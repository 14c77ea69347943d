//===- CublasLt.cpp - Products by cuBLASLt --------------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CublasLt.h"
#include "JsonFields.h"
#include "SharedLibrary.h"

#include <algorithm>
#include <cstdlib>

#define PI_CUBLASLT_FUNCTIONS(X)                                               \
  X(cublasLtCreate)                                                            \
  X(cublasLtDestroy)                                                           \
  X(cublasLtGetVersion)                                                        \
  X(cublasLtGetStatusString)                                                   \
  X(cublasLtMatmul)                                                            \
  X(cublasLtMatmulAlgoGetHeuristic)                                            \
  X(cublasLtMatmulDescCreate)                                                  \
  X(cublasLtMatmulDescDestroy)                                                 \
  X(cublasLtMatmulDescSetAttribute)                                            \
  X(cublasLtMatrixLayoutCreate)                                                \
  X(cublasLtMatrixLayoutDestroy)                                               \
  X(cublasLtMatrixLayoutSetAttribute)                                          \
  X(cublasLtMatmulPreferenceCreate)                                            \
  X(cublasLtMatmulPreferenceDestroy)                                           \
  X(cublasLtMatmulPreferenceSetAttribute)

namespace pi_runtime {

struct CublasLtFunctions {
#define PI_DECLARE(name) decltype(&::name) name = nullptr;
  PI_CUBLASLT_FUNCTIONS(PI_DECLARE)
#undef PI_DECLARE
};

namespace {
constexpr size_t kWorkspaceBytes = size_t(32) << 20;
constexpr int kMaxCandidates = 8;
/// Launches of a candidate: to warm up, and timed together.
constexpr int kWarmUps = 2, kTimed = 10;

struct LoadedLibrary {
  CublasLtFunctions functions;
  Status status;
};
} // namespace

static LoadedLibrary loadLibrary() {
  LoadedLibrary loaded;
  const std::string name = "libcublasLt.so.13";
  std::vector<std::string> paths = {name};
  if (const char *home = std::getenv("CUDA_HOME"))
    paths.push_back(std::string(home) + "/lib64/" + name);
  paths.push_back("/usr/local/cuda/lib64/" + name);
  void *library = openSharedLibrary(paths);
  if (!library) {
    loaded.status =
        unavailable("cuBLASLt (" + name +
                    ") of CUDA 13 is not installed: it "
                    "is neither on the library path, nor in $CUDA_HOME/lib64, "
                    "nor in /usr/local/cuda/lib64");
    return loaded;
  }
#define PI_LOAD(name)                                                          \
  if (!findFunction(library, #name, loaded.functions.name))                    \
    loaded.status = unavailable("libcublasLt.so.13 has no " #name);
  PI_CUBLASLT_FUNCTIONS(PI_LOAD)
#undef PI_LOAD
  return loaded;
}

/// One shape of product: its descriptors, and algorithms in heuristic order.
struct CublasLt::Problem {
  explicit Problem(const CublasLtFunctions &functions) : functions(functions) {}
  ~Problem() {
    if (operation)
      functions.cublasLtMatmulDescDestroy(operation);
    for (cublasLtMatrixLayout_t layout : {a, b, c, d})
      if (layout)
        functions.cublasLtMatrixLayoutDestroy(layout);
  }

  const CublasLtFunctions &functions;
  std::string key;
  cublasLtMatmulDesc_t operation = nullptr;
  cublasLtMatrixLayout_t a = nullptr, b = nullptr, c = nullptr, d = nullptr;
  std::vector<cublasLtMatmulAlgo_t> candidates;
};

Status CublasLt::check(cublasStatus_t result, const char *call) const {
  if (result == CUBLAS_STATUS_SUCCESS)
    return Status::success();
  return executionFailed(std::string(call) + ": " +
                         functions.cublasLtGetStatusString(result));
}

#define PI_CUBLAS_TRY(function, ...)                                           \
  PI_TRY(check(functions.function(__VA_ARGS__), #function))

Result<std::unique_ptr<CublasLt>> CublasLt::create(const CudaDriver &driver,
                                                   std::string deviceName,
                                                   std::string tuningPath) {
  static const LoadedLibrary loaded = loadLibrary();
  if (!loaded.status)
    return loaded.status;
  std::string device = deviceName + ", cuBLASLt " +
                       std::to_string(loaded.functions.cublasLtGetVersion());
  std::unique_ptr<CublasLt> library(new CublasLt(
      driver, loaded.functions, std::move(device), std::move(tuningPath)));
  PI_TRY(library->check(loaded.functions.cublasLtCreate(&library->handle),
                        "cublasLtCreate"));
  PI_CUDA_TRY(driver, cuMemAlloc, &library->workspace, kWorkspaceBytes);
  PI_TRY(library->readTuning());
  return Result<std::unique_ptr<CublasLt>>(std::move(library));
}

CublasLt::CublasLt(const CudaDriver &driver, const CublasLtFunctions &functions,
                   std::string device, std::string tuningPath)
    : driver(driver), functions(functions), device(std::move(device)),
      tuningPath(std::move(tuningPath)) {}

CublasLt::~CublasLt() {
  problems.clear();
  if (workspace)
    driver.cuMemFree(workspace);
  if (handle)
    functions.cublasLtDestroy(handle);
}

static std::string describeShape(const GemmStep &gemm, bool hasBias) {
  static constexpr const char *epilogues[] = {"none", "gelu_tanh", "relu"};
  auto matrix = [](const char *name, bool transposed, int64_t stride) {
    return std::string(" ") + name + (transposed ? "^T " : " ") +
           std::to_string(stride);
  };
  std::string text = std::to_string(gemm.m) + " x " + std::to_string(gemm.n) +
                     " x " + std::to_string(gemm.k);
  if (gemm.batch != 1)
    text += " batch " + std::to_string(gemm.batch);
  text += matrix("a", gemm.transA, gemm.lda) +
          matrix("b", gemm.transB, gemm.ldb) + matrix("d", false, gemm.ldd);
  if (gemm.c)
    text += matrix("c", false, gemm.ldc);
  text += " " + std::string(dataTypeName(gemm.dtype)) + " to " +
          std::string(dataTypeName(gemm.dDtype));
  if (hasBias)
    text += " bias";
  return text + " " + epilogues[static_cast<int>(gemm.epilogue)];
}

static cublasLtEpilogue_t getEpilogue(const GemmStep &gemm, bool hasBias) {
  switch (gemm.epilogue) {
  case GemmStep::Epilogue::None:
    return hasBias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
  case GemmStep::Epilogue::GeluTanh:
    return hasBias ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_GELU;
  case GemmStep::Epilogue::Relu:
    return hasBias ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_RELU;
  }
  return CUBLASLT_EPILOGUE_DEFAULT;
}

static cudaDataType_t getCudaType(DataType type) {
  return type == DataType::BF16 ? CUDA_R_16BF : CUDA_R_32F;
}

/// cuBLASLt is column-major: a row-major matrix is its transpose there, so the
/// product is computed as D^T = op(B)^T op(A)^T, with the operands exchanged.
Status CublasLt::describe(const GemmStep &gemm, bool hasBias,
                          Problem &problem) {
  PI_CUBLAS_TRY(cublasLtMatmulDescCreate, &problem.operation,
                CUBLAS_COMPUTE_32F, CUDA_R_32F);
  auto set = [&](cublasLtMatmulDescAttributes_t attribute, auto value) {
    return check(functions.cublasLtMatmulDescSetAttribute(
                     problem.operation, attribute, &value, sizeof(value)),
                 "cublasLtMatmulDescSetAttribute");
  };
  auto transposition = [](bool transposed) {
    return transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
  };
  PI_TRY(set(CUBLASLT_MATMUL_DESC_TRANSA, transposition(gemm.transB)));
  PI_TRY(set(CUBLASLT_MATMUL_DESC_TRANSB, transposition(gemm.transA)));
  PI_TRY(set(CUBLASLT_MATMUL_DESC_EPILOGUE, getEpilogue(gemm, hasBias)));
  if (hasBias)
    PI_TRY(set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, getCudaType(gemm.dDtype)));

  auto layout = [&](cublasLtMatrixLayout_t &result, DataType type, int64_t rows,
                    int64_t columns, int64_t stride) {
    PI_TRY(check(functions.cublasLtMatrixLayoutCreate(
                     &result, getCudaType(type), columns, rows, stride),
                 "cublasLtMatrixLayoutCreate"));
    if (gemm.batch == 1)
      return Status::success();
    int32_t count = static_cast<int32_t>(gemm.batch);
    int64_t distance = rows * stride;
    PI_TRY(check(
        functions.cublasLtMatrixLayoutSetAttribute(
            result, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof(count)),
        "cublasLtMatrixLayoutSetAttribute"));
    return check(functions.cublasLtMatrixLayoutSetAttribute(
                     result, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET,
                     &distance, sizeof(distance)),
                 "cublasLtMatrixLayoutSetAttribute");
  };
  PI_TRY(layout(problem.a, gemm.dtype, gemm.transA ? gemm.k : gemm.m,
                gemm.transA ? gemm.m : gemm.k, gemm.lda));
  PI_TRY(layout(problem.b, gemm.dtype, gemm.transB ? gemm.n : gemm.k,
                gemm.transB ? gemm.k : gemm.n, gemm.ldb));
  PI_TRY(layout(problem.c, gemm.dDtype, gemm.m, gemm.n,
                gemm.c ? gemm.ldc : gemm.ldd));
  return layout(problem.d, gemm.dDtype, gemm.m, gemm.n, gemm.ldd);
}

Status CublasLt::findCandidates(Problem &problem) {
  cublasLtMatmulPreference_t preference = nullptr;
  PI_CUBLAS_TRY(cublasLtMatmulPreferenceCreate, &preference);
  size_t bytes = kWorkspaceBytes;
  cublasStatus_t result = functions.cublasLtMatmulPreferenceSetAttribute(
      preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &bytes,
      sizeof(bytes));
  cublasLtMatmulHeuristicResult_t found[kMaxCandidates];
  int count = 0;
  if (result == CUBLAS_STATUS_SUCCESS)
    result = functions.cublasLtMatmulAlgoGetHeuristic(
        handle, problem.operation, problem.b, problem.a, problem.c, problem.d,
        preference, kMaxCandidates, found, &count);
  functions.cublasLtMatmulPreferenceDestroy(preference);
  PI_TRY(check(result, "cublasLtMatmulAlgoGetHeuristic"));
  for (int i = 0; i < count; ++i)
    if (found[i].state == CUBLAS_STATUS_SUCCESS)
      problem.candidates.push_back(found[i].algo);
  if (problem.candidates.empty())
    return executionFailed("cuBLASLt has no algorithm for the product " +
                           problem.key);
  return Status::success();
}

Result<CublasLt::Problem *> CublasLt::prepare(const GemmStep &gemm,
                                              bool hasBias) {
  std::string key = describeShape(gemm, hasBias);
  std::unique_ptr<Problem> &problem = problems[key];
  if (problem)
    return problem.get();
  auto created = std::make_unique<Problem>(functions);
  created->key = key;
  PI_TRY(describe(gemm, hasBias, *created));
  PI_TRY(findCandidates(*created));
  problem = std::move(created);
  return problem.get();
}

Status CublasLt::launch(const GemmStep &gemm, const GemmBuffers &buffers,
                        Problem &problem, size_t candidate, CUstream stream) {
  auto pointer = [](CUdeviceptr address) {
    return reinterpret_cast<void *>(address);
  };
  if (void *bias = pointer(buffers.bias))
    PI_CUBLAS_TRY(cublasLtMatmulDescSetAttribute, problem.operation,
                  CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof(bias));
  float beta = gemm.c ? gemm.beta : 0.0f;
  CUdeviceptr c = gemm.c ? buffers.c : buffers.d;
  PI_CUBLAS_TRY(cublasLtMatmul, handle, problem.operation, &gemm.alpha,
                pointer(buffers.b), problem.b, pointer(buffers.a), problem.a,
                &beta, pointer(c), problem.c, pointer(buffers.d), problem.d,
                &problem.candidates[candidate], pointer(workspace),
                kWorkspaceBytes, reinterpret_cast<cudaStream_t>(stream));
  return Status::success();
}

Status CublasLt::run(const GemmStep &gemm, const GemmBuffers &buffers,
                     CUstream stream) {
  Result<Problem *> problem = prepare(gemm, buffers.bias != 0);
  if (!problem)
    return problem.status();
  size_t candidate = 0;
  auto chosen = choices.find((*problem)->key);
  if (gemm.algorithm)
    candidate = *gemm.algorithm;
  else if (chosen != choices.end())
    candidate = chosen->second;
  candidate = std::min(candidate, (*problem)->candidates.size() - 1);
  return launch(gemm, buffers, **problem, candidate, stream);
}

Result<float> CublasLt::time(const GemmStep &gemm, const GemmBuffers &buffers,
                             Problem &problem, size_t candidate,
                             CUstream stream) {
  CUevent start = nullptr, end = nullptr;
  PI_CUDA_TRY(driver, cuEventCreate, &start, CU_EVENT_DEFAULT);
  PI_CUDA_TRY(driver, cuEventCreate, &end, CU_EVENT_DEFAULT);
  for (int i = 0; i < kWarmUps; ++i)
    PI_TRY(launch(gemm, buffers, problem, candidate, stream));
  PI_CUDA_TRY(driver, cuEventRecord, start, stream);
  for (int i = 0; i < kTimed; ++i)
    PI_TRY(launch(gemm, buffers, problem, candidate, stream));
  PI_CUDA_TRY(driver, cuEventRecord, end, stream);
  PI_CUDA_TRY(driver, cuEventSynchronize, end);
  float milliseconds = 0;
  PI_CUDA_TRY(driver, cuEventElapsedTime, &milliseconds, start, end);
  PI_CUDA_TRY(driver, cuEventDestroy, start);
  PI_CUDA_TRY(driver, cuEventDestroy, end);
  return milliseconds;
}

Status CublasLt::tune(const GemmStep &gemm, const GemmBuffers &buffers,
                      CUstream stream) {
  Result<Problem *> problem = prepare(gemm, buffers.bias != 0);
  if (!problem)
    return problem.status();
  if (gemm.algorithm || choices.count((*problem)->key))
    return Status::success();
  size_t best = 0;
  float fastest = 0;
  for (size_t i = 0; i < (*problem)->candidates.size(); ++i) {
    Result<float> milliseconds = time(gemm, buffers, **problem, i, stream);
    if (!milliseconds)
      return milliseconds.status();
    if (i == 0 || *milliseconds < fastest) {
      best = i;
      fastest = *milliseconds;
    }
  }
  choices[(*problem)->key] = best;
  return Status::success();
}

//===----------------------------------------------------------------------===//
// The tuning file: {device: {shape: place in heuristic order}}
//===----------------------------------------------------------------------===//

Status CublasLt::readTuning() {
  Result<MappedFile> file = MappedFile::open(tuningPath);
  if (!file)
    return Status::success();
  Result<nlohmann::json> document = parseJsonObject(file->text());
  if (!document)
    return std::move(document.status()).withContext("'" + tuningPath + "'");
  if (!document->contains(device))
    return Status::success();
  Status status;
  JsonReader root(*document, status);
  for (auto &[shape, choice] : root.field(device.c_str()).fields())
    choices[shape] = choice.integer(0, kMaxCandidates - 1);
  return std::move(status).withContext("'" + tuningPath + "'");
}

Status CublasLt::saveTuning() const {
  nlohmann::json document = nlohmann::json::object();
  if (Result<MappedFile> file = MappedFile::open(tuningPath))
    if (Result<nlohmann::json> present = parseJsonObject(file->text()))
      document = std::move(*present);
  nlohmann::json &mine = document[device] = nlohmann::json::object();
  for (const auto &[shape, choice] : choices)
    mine[shape] = choice;
  Result<OutputFile> file = OutputFile::create(tuningPath);
  if (!file)
    return file.status();
  PI_TRY(file->write(jsonText(document, /*indent=*/2) + "\n"));
  return file->commit();
}

} // namespace pi_runtime
