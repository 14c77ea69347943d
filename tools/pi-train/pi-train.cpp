//===- pi-train.cpp - Trains a compiled model -----------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CommandLine.h"

#include "pi/Training/Sha256.h"
#include "pi/Training/Trainer.h"

#include <csignal>
#include <cstdio>

using namespace pi_runtime;
using namespace pi_training;
using pi_train::CommandLine;

//===----------------------------------------------------------------------===//
// Signals
//===----------------------------------------------------------------------===//

static std::atomic<bool> interrupted{false};
static volatile std::sig_atomic_t interruptSignal = 0;

/// Stops after the step; the same signal once more ends the process at once.
static void installSignalHandlers() {
  struct sigaction action = {};
  action.sa_handler = [](int signal) {
    interruptSignal = signal;
    interrupted = true;
  };
  action.sa_flags = SA_RESETHAND | SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

//===----------------------------------------------------------------------===//
// What a training reads
//===----------------------------------------------------------------------===//

/// The digests of what is read; those of a run that goes on have to be what
/// they were.
static Result<RunSources> readSources(const CommandLine &line) {
  std::string manifest = line.options.data + "/" + tokenManifestFile;
  RunSources sources;
  sources.artifact = line.model;
  Result<std::string> artifact = sha256OfFile(line.model);
  if (!artifact)
    return artifact.status();
  Result<std::string> data = sha256OfFile(manifest);
  if (!data)
    return data.status();
  sources.artifactSha256 = *artifact;
  sources.dataSha256 = *data;
  auto changed = [&](const std::string &path) {
    return invalidFile("'" + path + "' is not what '" + line.out +
                       "' was trained with: its content has changed");
  };
  if (line.isResumed && *artifact != line.sources.artifactSha256)
    return changed(line.model);
  if (line.isResumed && *data != line.sources.dataSha256)
    return changed(manifest);
  return sources;
}

/// The file of --config. A run that goes on has it in its last checkpoint,
/// whatever has become of the file since.
static Result<std::string> findConfig(const CommandLine &line,
                                      const RunFolder &folder) {
  if (!line.isResumed)
    return line.options.config;
  auto latest = CheckpointDirectory::latest(folder.checkpointsPath());
  if (!latest)
    return latest.status();
  return *latest ? (*latest)->path + "/config.json" : line.options.config;
}

/// Files for checkpoints: the tokenizer, so that they generate text, and the
/// configuration.
static Result<std::vector<CheckpointFile>>
readCheckpointFiles(const CommandLine &line, const RunFolder &folder,
                    const TokenDataset &data) {
  std::vector<std::pair<std::string, std::string>> paths = {
      {"tokenizer.json", data.folder() + "/" + data.manifest().tokenizerFile}};
  if (!line.options.config.empty()) {
    Result<std::string> config = findConfig(line, folder);
    if (!config)
      return config.status();
    paths.emplace_back("config.json", std::move(*config));
  }
  std::vector<CheckpointFile> files;
  for (const auto &[name, path] : paths) {
    Result<MappedFile> file = MappedFile::open(path);
    if (!file)
      return file.status();
    files.push_back({name, std::string(file->text())});
  }
  return files;
}

static Status checkData(const TokenDataset &data, const Manifest &manifest) {
  if (data.manifest().vocabSize <= manifest.vocabSize)
    return Status::success();
  return invalidArgument("'" + data.folder() + "' has a vocabulary of " +
                         std::to_string(data.manifest().vocabSize) +
                         " tokens, but the model one of " +
                         std::to_string(manifest.vocabSize));
}

static Result<std::optional<TokenBatches>>
openValidation(const CommandLine &line, const TrainingModel &model,
               const std::shared_ptr<const TokenDataset> &data,
               Progress &progress) {
  const TrainingOptions &options = line.options;
  std::optional<TokenBatches> none;
  if (!options.evalEvery && !options.entropyEvery)
    return none;
  Status reason = Status::success();
  if (!model.canEvaluate()) {
    reason =
        invalidArgument("'" + line.model + "' has no entry point 'evaluate'");
  } else {
    Result<TokenBatches> batches =
        TokenBatches::create(data, Split::Validation, model.manifest().batch,
                             model.manifest().sequenceLength, /*seed=*/0);
    auto rows = static_cast<uint64_t>(model.manifest().batch);
    if (batches && batches->windows() >= rows)
      return std::optional<TokenBatches>(std::move(*batches));
    reason = batches ? invalidArgument("'" + data->folder() +
                                       "': the validation split "
                                       "has " +
                                       std::to_string(batches->windows()) +
                                       " windows, fewer than the " +
                                       std::to_string(rows) + " of a batch")
                     : std::move(batches.status());
  }
  if (line.wantsEvaluation)
    return std::move(reason).withContext("option '--eval-every'");
  progress.note("note: no evaluation: " + reason.message());
  return none;
}

//===----------------------------------------------------------------------===//
// The program
//===----------------------------------------------------------------------===//

static int finish(Ending ending, const Trainer &trainer, const std::string &out,
                  Progress &progress) {
  progress.finish();
  if (ending != Ending::Complete)
    std::printf("stopped after step %lld; pi-train --resume %s goes on\n",
                static_cast<long long>(trainer.step()), out.c_str());
  std::printf("checkpoint: %s\n", trainer.lastCheckpoint().c_str());
  return ending == Ending::Interrupted ? 128 + interruptSignal : 0;
}

static Result<int> train(CommandLine line) {
  // A run goes on from any folder.
  line.model = resolvePath(line.model);
  line.options.data = resolvePath(line.options.data);
  line.options.weights = resolvePath(line.options.weights);
  line.options.config = resolvePath(line.options.config);
  line.options.warmupSteps = line.options.makeSchedule().warmupSteps;
  RunFolder folder(line.out);
  if (!line.isResumed)
    if (Status status = folder.checkUnused(); !status)
      return status;
  Result<std::shared_ptr<const TokenDataset>> data =
      TokenDataset::open(line.options.data);
  if (!data)
    return data.status();
  Result<RunSources> sources = readSources(line);
  if (!sources)
    return sources.status();
  Result<std::unique_ptr<TrainingModel>> model =
      TrainingModel::open(line.model, line.device);
  if (!model)
    return model.status();
  const Manifest &manifest = (*model)->manifest();
  if (Status status = checkData(**data, manifest); !status)
    return status;
  // The manifest is what it was; so have to be the files that it speaks of.
  if (Status status = (*data)->verify(); !status)
    return status;
  if (line.options.accumulate > 1 && !(*model)->accumulates())
    return invalidArgument(
        "--accumulate needs the entry points 'accumulate_gradients' and "
        "'apply_gradients', which '" +
        line.model + "' lacks; --pi-build-train-step=accumulate makes them");
  Result<TokenBatches> batches =
      TokenBatches::create(*data, Split::Train, manifest.batch,
                           manifest.sequenceLength, line.options.seed);
  if (!batches)
    return batches.status();
  Progress progress(stdout);
  auto validation = openValidation(line, **model, *data, progress);
  if (!validation)
    return validation.status();
  auto files = readCheckpointFiles(line, folder, **data);
  if (!files)
    return files.status();
  // From here on the run is this process's alone.
  Result<CheckpointDirectory> checkpoints =
      line.isResumed ? CheckpointDirectory::open(folder.checkpointsPath())
                     : folder.create(*sources, line.options, **model);
  if (!checkpoints)
    return checkpoints.status();
  Trainer trainer(**model, folder, std::move(*checkpoints), line.options,
                  std::move(*batches), std::move(*validation), progress);
  trainer.setCheckpointFiles(std::move(*files));
  Result<Ending> ending =
      trainer.run({line.timeLimit, line.tune, &interrupted});
  if (!ending) {
    progress.finish();
    return ending.status();
  }
  return finish(*ending, trainer, line.out, progress);
}

static Result<int> run(int argc, char **argv) {
  Result<CommandLine> line = pi_train::parseCommandLine(argc, argv);
  if (!line)
    return line.status();
  if (line->help || line->version) {
    std::fputs(line->help ? pi_train::helpText() : "pi-train " PI_VERSION "\n",
               stdout);
    return 0;
  }
  installSignalHandlers();
  return train(std::move(*line));
}

int main(int argc, char **argv) {
  Result<int> result = run(argc, argv);
  Status status = std::move(result.status());
  if (status && (std::fflush(stdout) != 0 || std::ferror(stdout)))
    status = executionFailed("cannot write to standard output");
  if (status)
    return *result;
  std::fprintf(stderr, "pi-train: error: %s\n", status.message().c_str());
  return 1;
}
