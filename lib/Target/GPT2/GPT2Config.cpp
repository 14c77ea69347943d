//===- GPT2Config.cpp - Hugging Face configuration of GPT-2 ---------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Target/GPT2/GPT2Config.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/CheckedArithmetic.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::pi;
namespace json = llvm::json;

double GPT2Config::getAttentionScale(int64_t layer) const {
  double scale = 1.0;
  if (scaleAttnWeights)
    scale /= std::sqrt(static_cast<double>(width / numHeads));
  if (scaleAttnByInverseLayerIdx)
    scale /= static_cast<double>(layer + 1);
  return scale;
}

//===----------------------------------------------------------------------===//
// Built-in configurations
//===----------------------------------------------------------------------===//

static constexpr StringRef builtinNames[] = {"gpt2", "gpt2-medium",
                                             "gpt2-large", "gpt2-xl"};

ArrayRef<StringRef> mlir::pi::getGPT2ConfigNames() { return builtinNames; }

static GPT2Config makeConfig(int64_t width, int64_t numLayers,
                             int64_t numHeads) {
  GPT2Config config;
  config.width = width;
  config.numLayers = numLayers;
  config.numHeads = numHeads;
  return config;
}

std::optional<GPT2Config> mlir::pi::lookupGPT2Config(StringRef name) {
  return llvm::StringSwitch<std::optional<GPT2Config>>(name)
      .Case("gpt2", makeConfig(768, 12, 12))
      .Case("gpt2-medium", makeConfig(1024, 24, 16))
      .Case("gpt2-large", makeConfig(1280, 36, 20))
      .Case("gpt2-xl", makeConfig(1600, 48, 25))
      .Default(std::nullopt);
}

//===----------------------------------------------------------------------===//
// Keys that are checked or ignored
//===----------------------------------------------------------------------===//

/// Keys that leave the function at inference unchanged. Dropout is the identity
/// at inference; `reorder_and_upcast_attn` only says in which precision the
/// same scores are computed, which here is f32 anyway; the summary head and the
/// labels belong to other model classes; the rest steers generation or the
/// transformers library.
static constexpr StringRef ignoredKeys[] = {
    // Dropout and numerics.
    "attn_pdrop", "embd_pdrop", "resid_pdrop", "reorder_and_upcast_attn",
    // Heads of other model classes.
    "summary_activation", "summary_first_dropout", "summary_proj_to_labels",
    "summary_type", "summary_use_proj", "num_labels", "id2label", "label2id",
    "problem_type", "finetuning_task", "task_specific_params",
    // Generation.
    "bad_words_ids", "begin_suppress_tokens", "bos_token_id",
    "decoder_start_token_id", "diversity_penalty", "do_sample",
    "early_stopping", "encoder_no_repeat_ngram_size", "eos_token_id",
    "exponential_decay_length_penalty", "forced_bos_token_id",
    "forced_eos_token_id", "length_penalty", "max_length", "min_length",
    "no_repeat_ngram_size", "num_beam_groups", "num_beams",
    "num_return_sequences", "output_scores", "pad_token_id", "prefix",
    "remove_invalid_values", "repetition_penalty", "return_dict_in_generate",
    "sep_token_id", "suppress_tokens", "temperature", "top_k", "top_p",
    "typical_p", "use_cache",
    // The library's own.
    "_attn_implementation", "_attn_implementation_autoset",
    "_attn_implementation_internal", "_name_or_path", "_num_labels",
    "architectures", "attn_implementation", "chunk_size_feed_forward", "dtype",
    "gradient_checkpointing", "is_decoder", "name_or_path", "output_attentions",
    "output_hidden_states", "output_past", "predict_special_tokens",
    "return_dict", "tf_legacy_loss", "tokenizer_class", "torch_dtype",
    "torchscript", "transformers_version", "use_bfloat16"};

namespace {
/// A key that would change the mathematics with any value but this one.
struct FixedOption {
  StringRef key;
  StringRef value; ///< in JSON
};
} // namespace

static constexpr FixedOption fixedOptions[] = {
    {"model_type", "\"gpt2\""},
    {"add_cross_attention", "false"},
    {"cross_attention_hidden_size", "null"},
    {"is_encoder_decoder", "false"},
    {"tie_encoder_decoder", "false"},
    {"pruned_heads", "{}"},
};

//===----------------------------------------------------------------------===//
// Reading of the JSON object
//===----------------------------------------------------------------------===//

namespace {
/// Takes keys out of the object of a `config.json`, and reports what it does
/// not understand at the line of the key.
class ConfigReader {
public:
  ConfigReader(const json::Object &object, StringRef text, StringRef file,
               MLIRContext *context)
      : object(object), text(text), file(file), context(context) {}

  LogicalResult read(GPT2Config &config);

private:
  InFlightDiagnostic emitErrorAt(StringRef key);
  /// The value under the first of `names`, null if all are absent or null. The
  /// other names are synonyms and have to agree where they are given.
  FailureOr<const json::Value *> find(ArrayRef<StringRef> names);
  InFlightDiagnostic emitWrongValue(ArrayRef<StringRef> names,
                                    const json::Value &value,
                                    const Twine &expected);

  LogicalResult readSize(ArrayRef<StringRef> names, int64_t &result);
  LogicalResult readSize(StringRef name, std::optional<int64_t> &result);
  LogicalResult readNumber(StringRef name, double &result, bool allowZero);
  LogicalResult readFlag(StringRef name, bool &result);
  LogicalResult readActivation(GPT2Activation &result);
  LogicalResult checkFixedOptions();
  LogicalResult checkUnknownKeys();
  LogicalResult checkSizes(const GPT2Config &config);

  const json::Object &object;
  StringRef text, file;
  MLIRContext *context;
  llvm::StringSet<> known;
};
} // namespace

/// A value as it goes into a message, shortened if it is long.
static std::string toText(const json::Value &value) {
  std::string text = llvm::formatv("{0}", value).str();
  constexpr size_t maxLength = 60;
  if (text.size() > maxLength)
    text = text.substr(0, maxLength) + "...";
  return text;
}

/// Line and column of the first occurrence of `key` as a JSON key.
static std::pair<unsigned, unsigned> findKey(StringRef text, StringRef key) {
  std::string quoted = ("\"" + key + "\"").str();
  for (size_t at = text.find(quoted); at != StringRef::npos;
       at = text.find(quoted, at + 1)) {
    if (!text.substr(at + quoted.size()).ltrim().starts_with(":"))
      continue;
    StringRef before = text.take_front(at);
    size_t lineStart = before.rfind('\n') + 1; // npos + 1 is 0
    return {before.count('\n') + 1, at - lineStart + 1};
  }
  return {0, 0};
}

InFlightDiagnostic ConfigReader::emitErrorAt(StringRef key) {
  auto [line, column] = findKey(text, key);
  return emitError(FileLineColLoc::get(context, file, line, column));
}

InFlightDiagnostic ConfigReader::emitWrongValue(ArrayRef<StringRef> names,
                                                const json::Value &value,
                                                const Twine &expected) {
  StringRef name = *llvm::find_if(
      names, [&](StringRef candidate) { return object.get(candidate); });
  return emitErrorAt(name) << "'" << name << "' has to be " << expected
                           << ", but is " << toText(value);
}

FailureOr<const json::Value *> ConfigReader::find(ArrayRef<StringRef> names) {
  const json::Value *found = nullptr;
  StringRef foundName;
  for (StringRef name : names) {
    known.insert(name);
    const json::Value *value = object.get(name);
    if (!value || value->kind() == json::Value::Null)
      continue;
    if (found && *found != *value) {
      emitErrorAt(name) << "'" << name << "' is " << toText(*value) << ", but '"
                        << foundName << "', which means the same, is "
                        << toText(*found);
      return failure();
    }
    if (!found) {
      found = value;
      foundName = name;
    }
  }
  return found;
}

LogicalResult ConfigReader::readSize(ArrayRef<StringRef> names,
                                     int64_t &result) {
  auto value = find(names);
  if (failed(value) || !*value)
    return value;
  std::optional<int64_t> size = (*value)->getAsInteger();
  constexpr int64_t maxSize = std::numeric_limits<int32_t>::max();
  if (!size || *size < 1 || *size > maxSize)
    return emitWrongValue(names, **value,
                          "an integer from 1 to " + Twine(maxSize));
  result = *size;
  return success();
}

LogicalResult ConfigReader::readSize(StringRef name,
                                     std::optional<int64_t> &result) {
  int64_t size = 0;
  if (failed(readSize(ArrayRef(name), size)))
    return failure();
  if (size)
    result = size;
  return success();
}

LogicalResult ConfigReader::readNumber(StringRef name, double &result,
                                       bool allowZero) {
  auto value = find(name);
  if (failed(value) || !*value)
    return value;
  std::optional<double> number = (*value)->getAsNumber();
  // As the model computes with it: a double may overflow, or vanish.
  float rounded = number ? static_cast<float>(*number) : -1;
  if (!std::isfinite(rounded) || rounded < 0 || (rounded == 0 && !allowZero))
    return emitWrongValue(
        name, **value,
        allowZero ? "a number that is not negative in the range of f32"
                  : "a positive number in the range of f32");
  result = *number;
  return success();
}

LogicalResult ConfigReader::readFlag(StringRef name, bool &result) {
  auto value = find(name);
  if (failed(value) || !*value)
    return value;
  std::optional<bool> flag = (*value)->getAsBoolean();
  if (!flag)
    return emitWrongValue(name, **value, "true or false");
  result = *flag;
  return success();
}

LogicalResult ConfigReader::readActivation(GPT2Activation &result) {
  StringRef name = "activation_function";
  auto value = find(name);
  if (failed(value) || !*value)
    return value;
  auto activation =
      llvm::StringSwitch<std::optional<GPT2Activation>>(
          (*value)->getAsString().value_or(""))
          .Cases({"gelu_new", "gelu_pytorch_tanh"}, GPT2Activation::GeluTanh)
          .Case("gelu", GPT2Activation::Gelu)
          .Case("relu", GPT2Activation::Relu)
          .Default(std::nullopt);
  if (!activation)
    return emitWrongValue(name, **value,
                          "one of \"gelu_new\", \"gelu_pytorch_tanh\", "
                          "\"gelu\" and \"relu\"");
  result = *activation;
  return success();
}

LogicalResult ConfigReader::checkFixedOptions() {
  for (auto [key, supported] : fixedOptions) {
    auto value = find(key);
    if (failed(value))
      return failure();
    if (*value && **value != llvm::cantFail(json::parse(supported)))
      return emitErrorAt(key)
             << "'" << key << "' is " << toText(**value)
             << ", which is not supported: it has to be " << supported;
  }
  return success();
}

LogicalResult ConfigReader::checkUnknownKeys() {
  // In the order of the file, not of the hash table.
  SmallVector<std::pair<std::pair<unsigned, unsigned>, StringRef>> unknown;
  for (const auto &[key, value] : object)
    if (!known.contains(key) && !llvm::is_contained(ignoredKeys, key.str()) &&
        value.kind() != json::Value::Null)
      unknown.push_back({findKey(text, key), key});
  if (unknown.empty())
    return success();
  StringRef key = llvm::min_element(unknown)->second;
  return emitErrorAt(key)
         << "unknown option '" << key << "' with the value "
         << toText(*object.get(key))
         << " might change the mathematics of the model; remove it if it does "
            "not";
}

LogicalResult ConfigReader::checkSizes(const GPT2Config &config) {
  constexpr int64_t maxLayers = 4096;
  if (config.numLayers > maxLayers)
    return emitErrorAt("n_layer")
           << "'n_layer' is " << config.numLayers << ", but at most "
           << maxLayers << " layers are supported";
  if (config.width % config.numHeads != 0)
    return emitErrorAt("n_embd")
           << "'n_embd' is " << config.width
           << ", which is no multiple of 'n_head' " << config.numHeads;

  // All parameters, and the largest activations of one sequence, in bytes.
  auto multiply = [](std::initializer_list<int64_t> factors) {
    std::optional<int64_t> product = sizeof(float);
    for (int64_t factor : factors)
      product = product ? llvm::checkedMul(*product, factor) : product;
    return product;
  };
  int64_t d = config.width, inner = config.getInnerWidth(),
          positions = config.numPositions, v = config.vocabSize;
  std::optional<int64_t> total = 0;
  for (std::optional<int64_t> bytes :
       {multiply({2, v, d}), multiply({positions, d}),
        multiply({config.numLayers, 4, d, d}),
        multiply({config.numLayers, 2, d, inner}),
        multiply({config.numLayers, 32, std::max(d, inner)}),
        multiply({positions, v}), multiply({positions, std::max(inner, 3 * d)}),
        multiply({config.numHeads, positions, positions})})
    total = total && bytes ? llvm::checkedAdd(*total, *bytes) : std::nullopt;
  if (!total)
    return emitError(FileLineColLoc::get(context, file, 0, 0))
           << "a model of 'n_layer' " << config.numLayers << ", 'n_embd' " << d
           << ", 'n_inner' " << inner << ", 'n_positions' " << positions
           << " and 'vocab_size' " << v << " takes more than 2^63 bytes";
  return success();
}

LogicalResult ConfigReader::read(GPT2Config &config) {
  if (failed(checkFixedOptions()) ||
      failed(readSize({"vocab_size"}, config.vocabSize)) ||
      failed(readSize({"n_positions", "max_position_embeddings", "n_ctx"},
                      config.numPositions)) ||
      failed(readSize({"n_embd", "hidden_size"}, config.width)) ||
      failed(readSize({"n_layer", "num_hidden_layers"}, config.numLayers)) ||
      failed(readSize({"n_head", "num_attention_heads"}, config.numHeads)) ||
      failed(readSize("n_inner", config.innerWidth)) ||
      failed(readActivation(config.activation)) ||
      failed(readNumber("layer_norm_epsilon", config.layerNormEpsilon,
                        /*allowZero=*/false)) ||
      failed(readNumber("initializer_range", config.initializerRange,
                        /*allowZero=*/true)) ||
      failed(readFlag("scale_attn_weights", config.scaleAttnWeights)) ||
      failed(readFlag("scale_attn_by_inverse_layer_idx",
                      config.scaleAttnByInverseLayerIdx)) ||
      failed(readFlag("tie_word_embeddings", config.tieWordEmbeddings)) ||
      failed(checkUnknownKeys()))
    return failure();
  return checkSizes(config);
}

//===----------------------------------------------------------------------===//
// Parsing
//===----------------------------------------------------------------------===//

/// Offset of the bracket that opens the (`maxDepth` + 1)-th level, or npos. The
/// JSON parser recurses, so deep nesting has to be refused before it starts.
static size_t findDeepNesting(StringRef text, unsigned maxDepth) {
  unsigned depth = 0;
  bool inString = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (inString) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        inString = false;
    } else if (c == '"') {
      inString = true;
    } else if (c == '{' || c == '[') {
      if (++depth > maxDepth)
        return i;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return StringRef::npos;
}

/// Emits a parse error, whose text is "[line:column, byte=offset]: message", at
/// its place.
static LogicalResult emitParseError(llvm::Error error, StringRef file,
                                    MLIRContext *context) {
  std::string message = llvm::toString(std::move(error));
  StringRef rest = message;
  unsigned line = 0, column = 0;
  if (rest.consume_front("[") && !rest.consumeInteger(10, line) &&
      rest.consume_front(":") && !rest.consumeInteger(10, column))
    rest = rest.split("]: ").second;
  return emitError(FileLineColLoc::get(context, file, line, column))
         << "malformed JSON: " << rest;
}

FailureOr<GPT2Config> mlir::pi::parseGPT2Config(StringRef text, StringRef file,
                                                MLIRContext *context) {
  Location fileLoc = FileLineColLoc::get(context, file, 0, 0);
  constexpr unsigned maxDepth = 64;
  if (size_t at = findDeepNesting(text, maxDepth); at != StringRef::npos)
    return emitError(FileLineColLoc::get(
               context, file, text.take_front(at).count('\n') + 1, 0))
           << "malformed JSON: nested more than " << maxDepth << " levels deep";
  llvm::Expected<json::Value> value = json::parse(text);
  if (!value)
    return emitParseError(value.takeError(), file, context);
  const json::Object *object = value->getAsObject();
  if (!object)
    return emitError(fileLoc) << "a configuration has to be a JSON object, but "
                                 "is "
                              << toText(*value);
  GPT2Config config;
  if (failed(ConfigReader(*object, text, file, context).read(config)))
    return failure();
  return config;
}
