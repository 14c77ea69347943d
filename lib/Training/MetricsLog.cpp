//===- MetricsLog.cpp - The file metrics.jsonl of a run -------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Training/MetricsLog.h"

#include "JsonFields.h"

#include "pi/Runtime/File.h"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fcntl.h>
#include <limits>
#include <unistd.h>

using namespace pi_runtime;

namespace pi_training {

void MetricsLog::swap(MetricsLog &other) {
  std::swap(path, other.path);
  std::swap(descriptor, other.descriptor);
  std::swap(line, other.line);
}

MetricsLog::~MetricsLog() {
  if (descriptor >= 0)
    ::close(descriptor);
}

Status MetricsLog::failure(const char *action) const {
  return executionFailed(std::string("cannot ") + action + " '" + path +
                         "': " + std::strerror(errno));
}

Result<MetricsLog> MetricsLog::open(const std::string &path, int64_t lastStep) {
  MetricsLog log;
  log.path = path;
  log.descriptor =
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (log.descriptor < 0)
    return log.failure("write");
  if (Status status = log.truncateAfter(lastStep); !status)
    return status;
  return log;
}

/// The step of a line, or an error.
static Result<int64_t> readStep(std::string_view text) {
  auto value = parseJsonObject(text);
  if (!value)
    return value.status();
  Status status = Status::success();
  int64_t step = JsonReader(*value, status)
                     .field("step")
                     .integer(0, std::numeric_limits<int64_t>::max());
  if (!status)
    return status;
  return step;
}

Status MetricsLog::truncateAfter(int64_t lastStep) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.status();
  std::string_view text = file->text();
  size_t begin = 0;
  for (size_t number = 1; begin < text.size(); ++number) {
    size_t end = text.find('\n', begin);
    if (end == std::string_view::npos)
      break;
    Result<int64_t> step = readStep(text.substr(begin, end - begin));
    if (!step)
      return std::move(step.status())
          .withContext("'" + path + "': line " + std::to_string(number));
    if (*step > lastStep)
      break;
    begin = end + 1;
  }
  if (begin == text.size())
    return Status::success();
  return ::ftruncate(descriptor, static_cast<off_t>(begin)) == 0
             ? Status::success()
             : failure("shorten");
}

//===----------------------------------------------------------------------===//
// Lines
//===----------------------------------------------------------------------===//

static void appendNumber(std::string &line, double value, int digits) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.*g", digits, value);
  line += std::isfinite(value) ? text : "null";
}

static void appendKey(std::string &line, const char *key) {
  line += line.empty() ? "{\"" : ",\"";
  line += key;
  line += "\":";
}

void MetricsLog::append(const char *key, double value, int digits) {
  appendKey(line, key);
  appendNumber(line, value, digits);
}

void MetricsLog::append(const char *key, int64_t value) {
  char text[24];
  std::snprintf(text, sizeof(text), "%lld", static_cast<long long>(value));
  appendKey(line, key);
  line += text;
}

Status MetricsLog::writeLine() {
  line += "}\n";
  ssize_t written;
  do
    written = ::write(descriptor, line.data(), line.size());
  while (written < 0 && errno == EINTR);
  bool isWhole = written == static_cast<ssize_t>(line.size());
  if (!isWhole && written >= 0)
    errno = ENOSPC;
  line.clear();
  return isWhole ? Status::success() : failure("write");
}

// Nine digits give an f32 back bit for bit.
static constexpr int floatDigits = 9;

Status MetricsLog::logStep(const StepMetrics &metrics) {
  append("step", metrics.step);
  append("loss", metrics.loss, floatDigits);
  append("grad_norm", metrics.gradNorm, floatDigits);
  append("lr", metrics.learningRate, 17);
  append("tokens", metrics.tokens);
  append("tokens_per_second", metrics.tokensPerSecond, 6);
  append("seconds", metrics.seconds, floatDigits);
  return writeLine();
}

Status MetricsLog::logEvaluation(int64_t step, double crossEntropy) {
  append("step", step);
  append("cross_entropy", crossEntropy, 17);
  append("perplexity", std::exp(crossEntropy), 17);
  return writeLine();
}

Status
MetricsLog::logEntropy(int64_t step,
                       const std::vector<std::vector<double>> &entropies) {
  append("step", step);
  appendKey(line, "entropy");
  for (size_t layer = 0; layer < entropies.size(); ++layer) {
    line += layer ? "," : "[";
    for (size_t head = 0; head < entropies[layer].size(); ++head) {
      line += head ? "," : "[";
      appendNumber(line, entropies[layer][head], floatDigits);
    }
    line += "]";
  }
  line += "]";
  return writeLine();
}

Status MetricsLog::sync() {
  return ::fdatasync(descriptor) == 0 ? Status::success() : failure("write");
}

} // namespace pi_training
