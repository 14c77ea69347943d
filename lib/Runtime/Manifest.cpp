//===- Manifest.cpp - The manifest as JSON, and its rules -----------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Manifest.h"

#include <cmath>
#include <limits>
#include <set>

using nlohmann::json;

namespace pi_runtime {

//===----------------------------------------------------------------------===//
// Look-up
//===----------------------------------------------------------------------===//

template <typename T>
static std::optional<size_t> findByName(const std::vector<T> &list,
                                        std::string_view name) {
  for (size_t i = 0; i < list.size(); ++i)
    if (list[i].name == name)
      return i;
  return std::nullopt;
}

std::optional<size_t> EntryPoint::findInput(std::string_view name) const {
  return findByName(inputs, name);
}
std::optional<size_t> EntryPoint::findOutput(std::string_view name) const {
  return findByName(outputs, name);
}
std::optional<size_t> Manifest::findParameter(std::string_view name) const {
  return findByName(parameters, name);
}
std::optional<size_t> Manifest::findState(std::string_view name) const {
  return findByName(states, name);
}
const EntryPoint *Manifest::findEntryPoint(std::string_view name) const {
  std::optional<size_t> index = findByName(entryPoints, name);
  return index ? &entryPoints[*index] : nullptr;
}

static std::vector<bool> markParameters(const Manifest &manifest,
                                        bool updatedOnly) {
  std::vector<bool> marks(manifest.parameters.size());
  for (const EntryPoint &entry : manifest.entryPoints)
    for (const EntryArgument &argument : entry.arguments)
      if (argument.kind == EntryArgument::Kind::Parameter &&
          (argument.updated || !updatedOnly))
        marks[*manifest.findParameter(argument.name)] = true;
  return marks;
}

std::vector<bool> Manifest::usedParameters() const {
  return markParameters(*this, /*updatedOnly=*/false);
}
std::vector<bool> Manifest::updatedParameters() const {
  return markParameters(*this, /*updatedOnly=*/true);
}

//===----------------------------------------------------------------------===//
// JSON
//===----------------------------------------------------------------------===//

static constexpr const char *argumentKindNames[] = {"input", "parameter",
                                                    "state", "output"};

static json toJson(const TensorInfo &tensor) {
  return {{"name", tensor.name},
          {"dtype", dataTypeName(tensor.dtype)},
          {"shape", tensor.shape}};
}

static json toJson(const InputInfo &input) {
  json result = toJson(static_cast<const TensorInfo &>(input));
  if (!input.indices)
    return result;
  result["index_bound"] = input.indices->bound;
  if (input.indices->ignored)
    result["ignored_index"] = *input.indices->ignored;
  return result;
}

static constexpr const char *initKindNames[] = {"normal", "fill"};

static json toJson(const ParameterInfo &parameter) {
  json result = toJson(static_cast<const TensorInfo &>(parameter));
  result["storage_dtype"] = dataTypeName(parameter.storageDtype);
  result["derived"] = parameter.derived;
  result["decay"] = parameter.decay;
  if (parameter.init) {
    auto kind = static_cast<size_t>(parameter.init->kind);
    result["init"] = {{initKindNames[kind], parameter.init->value}};
  }
  return result;
}

static json toJson(const Initializer &initializer) {
  return {{"parameter", initializer.parameter},
          {"symbol", initializer.symbol},
          {"sources", initializer.sources}};
}

static json toJson(const EntryArgument &argument) {
  json result = {
      {"kind", argumentKindNames[static_cast<size_t>(argument.kind)]}};
  if (argument.kind == EntryArgument::Kind::Input ||
      argument.kind == EntryArgument::Kind::Output)
    result["index"] = argument.index;
  else
    result["name"] = argument.name;
  if (argument.updated)
    result["updated"] = true;
  return result;
}

template <typename T>
static json listToJson(const std::vector<T> &list) {
  json result = json::array();
  for (const T &element : list)
    result.push_back(toJson(element));
  return result;
}

json tensorsToJson(const std::vector<TensorInfo> &tensors) {
  return listToJson(tensors);
}
json inputsToJson(const std::vector<InputInfo> &inputs) {
  return listToJson(inputs);
}

static json toJson(const EntryPoint &entry) {
  json result = {{"name", entry.name},
                 {"inputs", listToJson(entry.inputs)},
                 {"outputs", listToJson(entry.outputs)},
                 {"arguments", listToJson(entry.arguments)}};
  if (entry.plan.empty())
    result["symbol"] = entry.symbol;
  else // verifyManifest has seen that the text is JSON.
    result["plan"] = json::parse(entry.plan, nullptr, false);
  return result;
}

json manifestToJson(const Manifest &manifest) {
  return {{"format_version", artifactFormatVersion},
          {"compiler", manifest.compiler},
          {"target", manifest.target},
          {"target_arch", manifest.targetArch},
          {"host_features", manifest.hostFeatures},
          {"model",
           {{"name", manifest.modelName},
            {"batch", manifest.batch},
            {"sequence_length", manifest.sequenceLength},
            {"vocab_size", manifest.vocabSize}}},
          {"parameters", listToJson(manifest.parameters)},
          {"initializers", listToJson(manifest.initializers)},
          {"states", listToJson(manifest.states)},
          {"entry_points", listToJson(manifest.entryPoints)}};
}

static DataType readDataType(const JsonReader &reader) {
  std::string name = reader.string();
  std::optional<DataType> type = parseDataType(name);
  if (!type)
    reader.fail("unknown element type '" + name + "'");
  return type.value_or(DataType::F32);
}

static TensorInfo readTensor(const JsonReader &reader) {
  TensorInfo tensor;
  tensor.name = reader.field("name").string();
  tensor.dtype = readDataType(reader.field("dtype"));
  JsonReader shape = reader.field("shape");
  tensor.shape = shape.integers(maximalRank, 1, int64_t(1) << 48);
  Result<uint64_t> count = checkedElementCount(tensor.shape);
  if (!count) {
    shape.fail(count.status().message());
    tensor.shape.clear();
  }
  return tensor;
}

static InputInfo readInput(const JsonReader &reader) {
  InputInfo input{readTensor(reader), std::nullopt};
  if (!reader.hasField("index_bound"))
    return input;
  IndexRange range;
  range.bound = reader.field("index_bound").integer(1, int64_t(1) << 31);
  if (reader.hasField("ignored_index"))
    range.ignored =
        static_cast<int32_t>(reader.field("ignored_index")
                                 .integer(std::numeric_limits<int32_t>::min(),
                                          std::numeric_limits<int32_t>::max()));
  input.indices = range;
  return input;
}

static ParameterInit readInit(const JsonReader &reader) {
  ParameterInit init;
  for (size_t kind = 0; kind < std::size(initKindNames); ++kind)
    if (reader.hasField(initKindNames[kind])) {
      init.kind = static_cast<ParameterInit::Kind>(kind);
      init.value = reader.field(initKindNames[kind]).number();
      return init;
    }
  reader.fail("expected 'normal' or 'fill'");
  return init;
}

static ParameterInfo readParameter(const JsonReader &reader) {
  ParameterInfo parameter;
  static_cast<TensorInfo &>(parameter) = readTensor(reader);
  parameter.storageDtype = readDataType(reader.field("storage_dtype"));
  parameter.derived = reader.field("derived").boolean();
  parameter.decay = reader.field("decay").boolean();
  if (reader.hasField("init"))
    parameter.init = readInit(reader.field("init"));
  return parameter;
}

static Initializer readInitializer(const JsonReader &reader) {
  Initializer initializer;
  initializer.parameter = reader.field("parameter").string();
  initializer.symbol = reader.field("symbol").string();
  for (const JsonReader &source : reader.field("sources").elements())
    initializer.sources.push_back(source.string());
  return initializer;
}

static EntryArgument readArgument(const JsonReader &reader) {
  EntryArgument argument;
  std::string kind = reader.field("kind").string();
  size_t number = 0;
  while (number < std::size(argumentKindNames) &&
         kind != argumentKindNames[number])
    ++number;
  if (number == std::size(argumentKindNames)) {
    reader.field("kind").fail("unknown kind of argument '" + kind + "'");
    return argument;
  }
  argument.kind = static_cast<EntryArgument::Kind>(number);
  if (argument.kind == EntryArgument::Kind::Input ||
      argument.kind == EntryArgument::Kind::Output)
    argument.index = static_cast<size_t>(
        reader.field("index").integer(0, std::numeric_limits<int32_t>::max()));
  else
    argument.name = reader.field("name").string();
  argument.updated =
      reader.hasField("updated") && reader.field("updated").boolean();
  return argument;
}

static EntryPoint readEntryPoint(const JsonReader &reader) {
  EntryPoint entry;
  entry.name = reader.field("name").string();
  for (const JsonReader &input : reader.field("inputs").elements())
    entry.inputs.push_back(readInput(input));
  for (const JsonReader &output : reader.field("outputs").elements())
    entry.outputs.push_back(readTensor(output));
  for (const JsonReader &argument : reader.field("arguments").elements())
    entry.arguments.push_back(readArgument(argument));
  if (reader.hasField("plan"))
    entry.plan = reader.field("plan").objectText();
  else
    entry.symbol = reader.field("symbol").string();
  return entry;
}

Manifest manifestFromJson(const JsonReader &reader) {
  constexpr int64_t maxSize = std::numeric_limits<int32_t>::max();
  Manifest manifest;
  reader.field("format_version")
      .integer(artifactFormatVersion, artifactFormatVersion);
  manifest.compiler = reader.field("compiler").string();
  manifest.target = reader.field("target").string();
  manifest.targetArch = reader.field("target_arch").string();
  for (const JsonReader &feature : reader.field("host_features").elements())
    manifest.hostFeatures.push_back(feature.string());
  JsonReader model = reader.field("model");
  manifest.modelName = model.field("name").string();
  manifest.batch = model.field("batch").integer(1, maxSize);
  manifest.sequenceLength = model.field("sequence_length").integer(1, maxSize);
  manifest.vocabSize = model.field("vocab_size").integer(1, maxSize);
  for (const JsonReader &parameter : reader.field("parameters").elements())
    manifest.parameters.push_back(readParameter(parameter));
  for (const JsonReader &initializer : reader.field("initializers").elements())
    manifest.initializers.push_back(readInitializer(initializer));
  for (const JsonReader &state : reader.field("states").elements())
    manifest.states.push_back(readTensor(state));
  for (const JsonReader &entry : reader.field("entry_points").elements())
    manifest.entryPoints.push_back(readEntryPoint(entry));
  return manifest;
}

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

template <typename T>
static Status verifyTensors(const char *what, const std::vector<T> &tensors) {
  std::set<std::string> names;
  for (const T &tensor : tensors) {
    std::string text = std::string(what) + " '" + tensor.name + "'";
    if (tensor.name.empty())
      return invalidFile(std::string(what) + " without a name");
    if (!names.insert(tensor.name).second)
      return invalidFile(text + " is listed twice");
    if (Result<uint64_t> count = checkedElementCount(tensor.shape); !count)
      return std::move(count.status()).withContext(text);
  }
  return Status::success();
}

static Status verifyInit(const std::optional<ParameterInit> &init) {
  if (!init)
    return Status::success();
  if (!(std::fabs(init->value) <= std::numeric_limits<float>::max()))
    return invalidFile("starts with a value that is not finite in f32");
  if (init->kind == ParameterInit::Kind::Normal && init->value < 0)
    return invalidFile("starts with a negative standard deviation");
  return Status::success();
}

static Status verifyParameters(const std::vector<ParameterInfo> &parameters) {
  for (const ParameterInfo &parameter : parameters) {
    std::string text = "parameter '" + parameter.name + "'";
    if (!convertsToFloat(parameter.dtype))
      return invalidFile(text + " has no floating-point dtype");
    if (parameter.storageDtype != DataType::F32 &&
        parameter.storageDtype != DataType::BF16 &&
        parameter.storageDtype != DataType::F64)
      return invalidFile(text +
                         " has a storage_dtype other than f32, bf16 and f64");
    if (Status status = verifyInit(parameter.init); !status)
      return std::move(status).withContext(text);
  }
  return verifyTensors("parameter", parameters);
}

/// Each derived parameter has one initializer, after those of its sources.
static Status verifyInitializers(const Manifest &manifest) {
  std::set<std::string> available, derived;
  for (const ParameterInfo &parameter : manifest.parameters)
    (parameter.derived ? derived : available).insert(parameter.name);
  for (const Initializer &initializer : manifest.initializers) {
    std::string text = "initializer of '" + initializer.parameter + "'";
    if (initializer.symbol.empty())
      return invalidFile(text + " has no symbol");
    if (!derived.count(initializer.parameter))
      return invalidFile(text + ": no such derived parameter");
    for (const std::string &source : initializer.sources)
      if (!available.count(source))
        return invalidFile(text + ": source '" + source +
                           "' is no parameter, or is initialised later");
    if (!available.insert(initializer.parameter).second)
      return invalidFile(text + " is listed twice");
  }
  for (const std::string &name : derived)
    if (!available.count(name))
      return invalidFile("derived parameter '" + name + "' has no initializer");
  return Status::success();
}

static Status verifyArgument(const Manifest &manifest, const EntryPoint &entry,
                             const EntryArgument &argument) {
  if (argument.updated && argument.kind != EntryArgument::Kind::Parameter)
    return invalidFile("is updated, but is no parameter");
  switch (argument.kind) {
  case EntryArgument::Kind::Input:
    if (argument.index < entry.inputs.size())
      return Status::success();
    return invalidFile("no input " + std::to_string(argument.index));
  case EntryArgument::Kind::Output:
    if (argument.index < entry.outputs.size())
      return Status::success();
    return invalidFile("no output " + std::to_string(argument.index));
  case EntryArgument::Kind::Parameter:
    if (manifest.findParameter(argument.name))
      return Status::success();
    return invalidFile("no parameter '" + argument.name + "'");
  case EntryArgument::Kind::State:
    if (manifest.findState(argument.name))
      return Status::success();
    return invalidFile("no state '" + argument.name + "'");
  }
  return invalidFile("unknown kind of argument");
}

/// Each input, or each output, is an argument exactly once: the argument is
/// where its memory is.
template <typename T>
static Status verifyPassed(const EntryPoint &entry, EntryArgument::Kind kind,
                           const char *what, const std::vector<T> &tensors) {
  std::vector<bool> isPassed(tensors.size());
  for (const EntryArgument &argument : entry.arguments) {
    if (argument.kind != kind)
      continue;
    if (isPassed[argument.index])
      return invalidFile("two arguments are the " + std::string(what) + " '" +
                         tensors[argument.index].name + "'");
    isPassed[argument.index] = true;
  }
  for (size_t i = 0; i < tensors.size(); ++i)
    if (!isPassed[i])
      return invalidFile("no argument is the " + std::string(what) + " '" +
                         tensors[i].name + "'");
  return Status::success();
}

static Status verifyEntryPoint(const Manifest &manifest,
                               const EntryPoint &entry) {
  if (Status status = verifyTensors("input", entry.inputs); !status)
    return status;
  for (const InputInfo &input : entry.inputs)
    if (input.indices && input.dtype != DataType::I32)
      return invalidFile("input '" + input.name +
                         "' holds indices, but has "
                         "dtype " +
                         std::string(dataTypeName(input.dtype)) +
                         "; expected i32");
  if (Status status = verifyTensors("output", entry.outputs); !status)
    return status;
  for (size_t i = 0; i < entry.arguments.size(); ++i) {
    Status status = verifyArgument(manifest, entry, entry.arguments[i]);
    if (!status)
      return std::move(status).withContext("argument " + std::to_string(i));
  }
  using Kind = EntryArgument::Kind;
  Status passed = verifyPassed(entry, Kind::Input, "input", entry.inputs);
  if (passed)
    passed = verifyPassed(entry, Kind::Output, "output", entry.outputs);
  if (!passed)
    return passed;
  if (manifest.target == "cpu" && entry.symbol.empty())
    return invalidFile("no symbol, which target 'cpu' needs");
  if (manifest.target == "cuda" && entry.plan.empty())
    return invalidFile("no plan, which target 'cuda' needs");
  if (entry.plan.empty())
    return Status::success();
  Result<json> plan = parseJsonObject(entry.plan);
  return plan ? Status::success()
              : std::move(plan.status()).withContext("plan");
}

Status verifyManifest(const Manifest &manifest) {
  if (manifest.target != "cpu" && manifest.target != "cuda")
    return invalidFile("unknown target '" + manifest.target +
                       "'; expected 'cpu' or 'cuda'");
  if (Status status = verifyParameters(manifest.parameters); !status)
    return status;
  if (Status status = verifyTensors("state", manifest.states); !status)
    return status;
  if (Status status = verifyInitializers(manifest); !status)
    return status;
  std::set<std::string> names;
  for (const EntryPoint &entry : manifest.entryPoints) {
    std::string text = "entry point '" + entry.name + "'";
    if (!names.insert(entry.name).second)
      return invalidFile(text + " is listed twice");
    if (Status status = verifyEntryPoint(manifest, entry); !status)
      return std::move(status).withContext(text);
  }
  return Status::success();
}

} // namespace pi_runtime
