//===- Plan.cpp - The execution plan of an entry point --------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Plan.h"
#include "JsonFields.h"

#include <limits>

namespace pi_runtime {

namespace {
/// Bytes of a buffer and rows of an output, beyond which nothing is taken
/// seriously; products of both and a size do not overflow.
constexpr int64_t kMaxExtent = int64_t(1) << 46;
constexpr uint64_t kMaxRows = uint64_t(1) << 26;

class PlanReader {
public:
  PlanReader(const Manifest &manifest, const EntryPoint &entry)
      : manifest(manifest), entry(entry) {}

  Result<Plan> read();

private:
  void readParameters(const JsonReader &json);
  void readOutputs(const JsonReader &json);
  PlanStep readStep(const JsonReader &json);
  GemmStep readGemm(const JsonReader &json);
  LaunchStep readLaunch(const JsonReader &json);
  AddressTable readTable(const JsonReader &json);
  BufferRef readBuffer(const JsonReader &json, uint64_t bytes);
  std::optional<BufferRef> readOptionalBuffer(const JsonReader &json,
                                              const char *name, uint64_t bytes);
  std::array<uint32_t, 3> readExtents(const JsonReader &json);
  uint64_t sizeOf(const BufferRef &buffer) const;
  size_t index(const JsonReader &json, std::optional<size_t> found);

  const Manifest &manifest;
  const EntryPoint &entry;
  Plan plan;
};
} // namespace

uint64_t PlanReader::sizeOf(const BufferRef &buffer) const {
  switch (buffer.space) {
  case BufferRef::Space::Arena:
    return plan.arenaBytes;
  case BufferRef::Space::Parameter:
    return plan.parameterBytes[buffer.index];
  case BufferRef::Space::State:
    return manifest.states[buffer.index].byteSize();
  case BufferRef::Space::Input:
    return entry.inputs[buffer.index].byteSize();
  case BufferRef::Space::Output:
    return plan.outputs[buffer.index].byteSize();
  }
  return 0;
}

size_t PlanReader::index(const JsonReader &json, std::optional<size_t> found) {
  if (!found)
    json.fail("the manifest has nothing of this name");
  return found.value_or(0);
}

/// A buffer of which `bytes` are used from its offset on.
BufferRef PlanReader::readBuffer(const JsonReader &json, uint64_t bytes) {
  BufferRef buffer;
  JsonReader space = json.field("space");
  std::string name = space.string();
  bool known = true;
  if (name == "parameter") {
    buffer.space = BufferRef::Space::Parameter;
    JsonReader field = json.field("name");
    buffer.index = index(field, manifest.findParameter(field.string()));
    known = !manifest.parameters.empty();
  } else if (name == "state") {
    buffer.space = BufferRef::Space::State;
    JsonReader field = json.field("name");
    buffer.index = index(field, manifest.findState(field.string()));
    known = !manifest.states.empty();
  } else if (name == "input" || name == "output") {
    bool input = name == "input";
    buffer.space = input ? BufferRef::Space::Input : BufferRef::Space::Output;
    size_t count = input ? entry.inputs.size() : entry.outputs.size();
    buffer.index = json.field("index").integer(0, int64_t(count) - 1);
    known = count != 0;
  } else if (name != "arena") {
    known = false;
  }
  if (!known) {
    space.fail("no such buffer");
    return BufferRef();
  }
  buffer.offset = json.field("offset").integer(0, kMaxExtent);
  uint64_t size = sizeOf(buffer);
  if (buffer.offset > size || bytes > size - buffer.offset)
    json.fail(std::to_string(bytes) + " bytes at offset " +
              std::to_string(buffer.offset) + " do not fit its " +
              std::to_string(size) + " bytes");
  return buffer;
}

std::optional<BufferRef> PlanReader::readOptionalBuffer(const JsonReader &json,
                                                        const char *name,
                                                        uint64_t bytes) {
  if (!json.hasField(name) || json.field(name).isNull())
    return std::nullopt;
  return readBuffer(json.field(name), bytes);
}

void PlanReader::readParameters(const JsonReader &json) {
  for (const ParameterInfo &parameter : manifest.parameters)
    plan.parameterBytes.push_back(parameter.storageByteSize());
  if (!json.hasField("parameters"))
    return;
  for (auto &[name, bytes] : json.field("parameters").fields())
    if (std::optional<size_t> found = manifest.findParameter(name))
      plan.parameterBytes[*found] =
          bytes.integer(plan.parameterBytes[*found], kMaxExtent);
    else
      bytes.fail("there is no parameter '" + name + "'");
}

void PlanReader::readOutputs(const JsonReader &json) {
  for (const TensorInfo &output : entry.outputs) {
    uint64_t columns = output.shape.empty() ? 1 : output.shape.back();
    uint64_t rows = columns ? output.elementCount() / columns : 0;
    plan.outputs.push_back({output.dtype, rows, columns, columns});
  }
  if (!json.hasField("outputs"))
    return;
  JsonReader outputs = json.field("outputs");
  std::vector<JsonReader> elements = outputs.elements();
  if (elements.size() != plan.outputs.size()) {
    outputs.fail("expected one element for each output");
    return;
  }
  for (size_t i = 0; i < elements.size(); ++i) {
    DeviceOutput &output = plan.outputs[i];
    JsonReader dtype = elements[i].field("dtype");
    std::optional<DataType> type = parseDataType(dtype.string());
    bool widened = type == DataType::BF16 && output.dtype == DataType::F32;
    if (!type || (*type != output.dtype && !widened))
      dtype.fail("expected the type of the output, or bf16 for one of f32");
    else
      output.dtype = *type;
    int64_t columns = output.columns;
    elements[i].field("columns").integer(columns, columns);
    output.rowStride =
        elements[i].field("stride").integer(columns, kMaxExtent / kMaxRows);
    if (output.rows > kMaxRows)
      outputs.fail("an output has too many rows");
  }
}

/// The bytes from the first to the last element of `batch` matrices.
static uint64_t extent(int64_t rows, int64_t columns, int64_t stride,
                       int64_t batch, DataType type) {
  uint64_t elements = uint64_t(batch * rows - 1) * stride + columns;
  return elements * dataTypeSize(type);
}

static DataType readFloatType(const JsonReader &json) {
  std::optional<DataType> type = parseDataType(json.string());
  if (type == DataType::BF16 || type == DataType::F32)
    return *type;
  json.fail("expected \"bf16\" or \"f32\"");
  return DataType::F32;
}

static GemmStep::Epilogue readEpilogue(const JsonReader &json) {
  std::string name = json.string();
  if (name == "gelu_tanh")
    return GemmStep::Epilogue::GeluTanh;
  if (name == "relu")
    return GemmStep::Epilogue::Relu;
  if (name != "none")
    json.fail("expected \"none\", \"gelu_tanh\" or \"relu\"");
  return GemmStep::Epilogue::None;
}

GemmStep PlanReader::readGemm(const JsonReader &json) {
  GemmStep gemm = {};
  // Extents are bounded so that no product of two and a size overflows.
  constexpr int64_t limit = int64_t(1) << 24;
  gemm.m = json.field("m").integer(1, limit);
  gemm.n = json.field("n").integer(1, limit);
  gemm.k = json.field("k").integer(1, limit);
  gemm.batch = json.field("batch").integer(1, 1 << 12);
  gemm.transA = json.field("trans_a").boolean();
  gemm.transB = json.field("trans_b").boolean();
  int64_t aRows = gemm.transA ? gemm.k : gemm.m;
  int64_t aColumns = gemm.transA ? gemm.m : gemm.k;
  int64_t bRows = gemm.transB ? gemm.n : gemm.k;
  int64_t bColumns = gemm.transB ? gemm.k : gemm.n;
  gemm.lda = json.field("lda").integer(aColumns, limit);
  gemm.ldb = json.field("ldb").integer(bColumns, limit);
  gemm.ldd = json.field("ldd").integer(gemm.n, limit);
  gemm.ldc = json.hasField("ldc") ? json.field("ldc").integer(gemm.n, limit)
                                  : gemm.ldd;
  gemm.dtype = readFloatType(json.field("dtype"));
  gemm.dDtype = readFloatType(json.field("d_dtype"));
  gemm.alpha = static_cast<float>(json.field("alpha").number());
  gemm.beta = static_cast<float>(json.field("beta").number());
  gemm.epilogue = readEpilogue(json.field("epilogue"));
  if (json.hasField("algorithm") && !json.field("algorithm").isNull())
    gemm.algorithm = json.field("algorithm").integer(0, 63);
  gemm.a = readBuffer(json.field("a"), extent(aRows, aColumns, gemm.lda,
                                              gemm.batch, gemm.dtype));
  gemm.b = readBuffer(json.field("b"), extent(bRows, bColumns, gemm.ldb,
                                              gemm.batch, gemm.dtype));
  gemm.d = readBuffer(json.field("d"), extent(gemm.m, gemm.n, gemm.ldd,
                                              gemm.batch, gemm.dDtype));
  gemm.c = readOptionalBuffer(
      json, "c", extent(gemm.m, gemm.n, gemm.ldc, gemm.batch, gemm.dDtype));
  gemm.bias =
      readOptionalBuffer(json, "bias", gemm.n * dataTypeSize(gemm.dDtype));
  return gemm;
}

std::array<uint32_t, 3> PlanReader::readExtents(const JsonReader &json) {
  std::array<uint32_t, 3> extents = {1, 1, 1};
  std::vector<JsonReader> elements = json.elements();
  if (elements.size() != extents.size())
    json.fail("expected three integers");
  else
    for (size_t i = 0; i < extents.size(); ++i)
      extents[i] = elements[i].integer(1, std::numeric_limits<int32_t>::max());
  return extents;
}

AddressTable PlanReader::readTable(const JsonReader &json) {
  AddressTable table;
  for (const JsonReader &buffer : json.elements())
    table.push_back(readBuffer(buffer, 0));
  return table;
}

LaunchStep PlanReader::readLaunch(const JsonReader &json) {
  LaunchStep launch;
  launch.kernel = json.field("kernel").string();
  launch.grid = readExtents(json.field("grid"));
  launch.block = readExtents(json.field("block"));
  launch.sharedBytes = json.field("shared_bytes").integer(0, 1 << 20);
  launch.programmatic =
      json.hasField("programmatic") && json.field("programmatic").boolean();
  for (const JsonReader &argument : json.field("arguments").elements()) {
    if (argument.hasField("i32"))
      launch.arguments.emplace_back(static_cast<int32_t>(
          argument.field("i32").integer(std::numeric_limits<int32_t>::min(),
                                        std::numeric_limits<int32_t>::max())));
    else if (argument.hasField("f32"))
      launch.arguments.emplace_back(
          static_cast<float>(argument.field("f32").number()));
    else if (argument.hasField("table"))
      launch.arguments.emplace_back(readTable(argument.field("table")));
    else
      launch.arguments.emplace_back(readBuffer(argument, 0));
  }
  return launch;
}

PlanStep PlanReader::readStep(const JsonReader &json) {
  PlanStep step;
  step.location = json.field("location").string();
  JsonReader op = json.field("op");
  std::string name = op.string();
  if (name == "gemm") {
    step.work = readGemm(json);
  } else if (name == "launch") {
    step.work = readLaunch(json);
  } else if (name == "copy") {
    uint64_t bytes = json.field("bytes").integer(0, kMaxExtent);
    step.work = CopyStep{readBuffer(json.field("from"), bytes),
                         readBuffer(json.field("to"), bytes), bytes};
  } else if (name == "fill") {
    uint64_t bytes = json.field("bytes").integer(0, kMaxExtent);
    step.work =
        FillStep{readBuffer(json.field("to"), bytes), bytes,
                 static_cast<uint8_t>(json.field("value").integer(0, 255))};
  } else {
    op.fail("unknown step '" + name + "'");
  }
  return step;
}

Result<Plan> PlanReader::read() {
  std::string where = "plan of entry point '" + entry.name + "'";
  Result<nlohmann::json> document = parseJsonObject(entry.plan);
  if (!document)
    return std::move(document.status()).withContext(where);
  Status status;
  JsonReader root(*document, status);
  plan.arenaBytes = root.field("arena_bytes").integer(0, kMaxExtent);
  readParameters(root);
  readOutputs(root);
  if (status)
    for (const JsonReader &step : root.field("steps").elements()) {
      plan.steps.push_back(readStep(step));
      if (!status)
        break;
    }
  if (!status)
    return std::move(status).withContext(where);
  return std::move(plan);
}

Result<Plan> readPlan(const Manifest &manifest, const EntryPoint &entry) {
  return PlanReader(manifest, entry).read();
}

} // namespace pi_runtime
