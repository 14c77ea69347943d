//===- CheckpointDirectory.cpp - Checkpoints of a training run ------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CheckpointContents.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace pi_runtime {

static constexpr const char *latestName = "latest";
/// Names of a checkpoint, and of one that is being written or deleted.
static constexpr const char *stepPrefix = "step-";
static constexpr const char *hiddenPrefix = ".step-";
static constexpr const char *hiddenLatest = ".latest";

static Status failure(const std::string &action, const std::string &path,
                      int error = errno) {
  return executionFailed("cannot " + action + " '" + path +
                         "': " + std::strerror(error));
}

static bool hasPrefix(const std::string &text, const std::string &prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

static std::string nameOfStep(int64_t step) {
  char name[32];
  std::snprintf(name, sizeof(name), "%s%08lld", stepPrefix,
                static_cast<long long>(step));
  return name;
}

/// The names in a directory.
static Result<std::vector<std::string>> readNames(const std::string &path) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator entry(path, error), end;
  for (; !error && entry != end; entry.increment(error))
    names.push_back(entry->path().filename().string());
  if (error)
    return failure("read", path, error.value());
  return names;
}

static Status removeAll(const std::string &path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  return error ? failure("delete", path, error.value()) : Status::success();
}

/// Flushes the names in a directory to the disk.
static Status flushDirectory(const std::string &path) {
  int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0)
    return failure("open", path);
  Status status =
      ::fsync(descriptor) == 0 ? Status::success() : failure("flush", path);
  ::close(descriptor);
  return status;
}

/// Takes a checkpoint out of the list at once, then deletes it.
static Status retire(const std::string &root, const std::string &name) {
  std::string from = root + "/" + name, to = root + "/." + name + ".deleted";
  if (Status status = removeAll(to); !status)
    return status;
  if (::rename(from.c_str(), to.c_str()) != 0)
    return failure("delete", from);
  return removeAll(to);
}

//===----------------------------------------------------------------------===//
// Opening
//===----------------------------------------------------------------------===//

/// Makes a directory that its parent will have after a power failure too.
static Status makeDirectory(const std::string &path) {
  if (::mkdir(path.c_str(), 0777) != 0)
    return errno == EEXIST ? Status::success() : failure("make", path);
  std::string parent =
      std::filesystem::absolute(path + "/..").lexically_normal().string();
  return flushDirectory(parent);
}

Result<CheckpointDirectory> CheckpointDirectory::open(const std::string &path) {
  if (Status status = makeDirectory(path); !status)
    return status;
  CheckpointDirectory directory;
  directory.root = path;
  directory.descriptor =
      ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory.descriptor < 0)
    return failure("open", path);
  // Some file systems cannot lock; then nobody is kept out.
  if (::flock(directory.descriptor, LOCK_EX | LOCK_NB) != 0 &&
      errno == EWOULDBLOCK)
    return unavailable("another process writes checkpoints to '" + path + "'");
  if (::access(path.c_str(), W_OK | X_OK) != 0)
    return failure("write to", path);
  Result<std::vector<std::string>> names = readNames(path);
  if (!names)
    return names.status();
  for (const std::string &name : *names)
    if (hasPrefix(name, hiddenPrefix) || name == hiddenLatest)
      if (Status status = removeAll(path + "/" + name); !status)
        return status;
  return directory;
}

CheckpointDirectory::~CheckpointDirectory() {
  if (descriptor >= 0)
    ::close(descriptor);
}

//===----------------------------------------------------------------------===//
// Listing
//===----------------------------------------------------------------------===//

/// The step of a name that nameOfStep gives.
static std::optional<int64_t> stepOfName(const std::string &name) {
  if (!hasPrefix(name, stepPrefix))
    return std::nullopt;
  errno = 0;
  int64_t step =
      std::strtoll(name.c_str() + std::strlen(stepPrefix), nullptr, 10);
  if (errno || step < 0 || name != nameOfStep(step))
    return std::nullopt;
  return step;
}

namespace {
/// A directory that has the name of a checkpoint, and why it is not complete.
struct NamedCheckpoint {
  StoredCheckpoint checkpoint;
  Status status;
};
} // namespace

/// Everything that has the name of a checkpoint, by ascending step.
static Result<std::vector<NamedCheckpoint>> listNamed(const std::string &path) {
  std::vector<NamedCheckpoint> named;
  if (!fileExists(path))
    return named;
  Result<std::vector<std::string>> names = readNames(path);
  if (!names)
    return names.status();
  for (const std::string &name : *names) {
    std::optional<int64_t> step = stepOfName(name);
    if (!step)
      continue;
    std::string checkpoint = path + "/" + name;
    Result<CheckpointRecord> record = readRecord(checkpoint);
    Status status = std::move(record.status());
    if (record && record->step != *step)
      status = invalidFile("'" + checkpoint + "' has the record of step " +
                           std::to_string(record->step));
    named.push_back({{*step, std::move(checkpoint)}, std::move(status)});
  }
  std::sort(named.begin(), named.end(),
            [](const NamedCheckpoint &left, const NamedCheckpoint &right) {
              return left.checkpoint.step < right.checkpoint.step;
            });
  return named;
}

Result<std::vector<StoredCheckpoint>>
CheckpointDirectory::list(const std::string &path) {
  Result<std::vector<NamedCheckpoint>> named = listNamed(path);
  if (!named)
    return named.status();
  std::vector<StoredCheckpoint> checkpoints;
  for (NamedCheckpoint &entry : *named)
    if (entry.status)
      checkpoints.push_back(std::move(entry.checkpoint));
  return checkpoints;
}

Result<std::optional<StoredCheckpoint>>
CheckpointDirectory::latest(const std::string &path,
                            std::vector<std::string> *skipped) {
  Result<std::vector<NamedCheckpoint>> named = listNamed(path);
  if (!named)
    return named.status();
  std::optional<StoredCheckpoint> newest;
  std::vector<std::string> damage;
  for (auto entry = named->rbegin(); entry != named->rend() && !newest; ++entry)
    if (entry->status)
      newest = std::move(entry->checkpoint);
    else
      damage.push_back(entry->status.message());
  if (!newest && !damage.empty())
    return invalidFile(
        "'" + path + "' has no checkpoint that is complete: " + damage.front());
  if (skipped)
    *skipped = std::move(damage);
  return newest;
}

Result<std::string> CheckpointDirectory::load(const std::string &checkpoint,
                                              Model &model) {
  return loadContents(checkpoint, model);
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

namespace {
/// A directory that is deleted unless it has been renamed.
class HiddenDirectory {
public:
  HiddenDirectory(const std::string &root, const std::string &name)
      : path(root + "/." + name + ".XXXXXX") {}
  ~HiddenDirectory() {
    if (exists)
      (void)removeAll(path).ok();
  }

  Status make() {
    if (!::mkdtemp(path.data()))
      return failure("make", path);
    exists = true;
    // mkdtemp makes a private directory; give it the mode that mkdir would.
    mode_t mask = ::umask(0);
    ::umask(mask);
    return ::chmod(path.c_str(), 0777 & ~mask) == 0 ? Status::success()
                                                    : failure("make", path);
  }

  Status renameTo(const std::string &target) {
    if (::rename(path.c_str(), target.c_str()) != 0)
      return failure("write", target);
    exists = false;
    return Status::success();
  }

  const std::string &getPath() const { return path; }

private:
  std::string path;
  bool exists = false;
};
} // namespace

/// Lets `latest` point to a checkpoint. A link is replaced by a rename: it
/// points to the old or to the new one at any time.
static Status replaceLatest(const std::string &root, const std::string &name) {
  std::string link = root + "/" + latestName;
  std::string hidden = root + "/" + hiddenLatest;
  ::unlink(hidden.c_str());
  if (::symlink(name.c_str(), hidden.c_str()) == 0 &&
      ::rename(hidden.c_str(), link.c_str()) == 0)
    return Status::success();
  Status status = failure("replace", link);
  ::unlink(hidden.c_str());
  return status;
}

Status CheckpointDirectory::write(const Model &model, int64_t step,
                                  std::string_view state, int keepLast,
                                  const std::vector<CheckpointFile> &files) {
  if (step < 0 || keepLast < 0)
    return invalidArgument("step " + std::to_string(step) + " and keepLast " +
                           std::to_string(keepLast) +
                           "; both have to be 0 or more");
  if (Status status = verifyFileNames(files); !status)
    return status;
  Result<std::vector<StoredCheckpoint>> others = list(root);
  if (!others)
    return others.status();
  if (!others->empty() && others->back().step >= step)
    return invalidArgument("step " + std::to_string(step) +
                           " is not after that of '" + others->back().path +
                           "'");

  std::string name = nameOfStep(step), target = root + "/" + name;
  HiddenDirectory hidden(root, name);
  Status status = hidden.make();
  if (status)
    status = writeContents(hidden.getPath(), model, step, state, files);
  if (status)
    status = flushDirectory(hidden.getPath());
  if (status && fileExists(target)) // Incomplete, since it is not listed.
    status = retire(root, name);
  if (status)
    status = hidden.renameTo(target);
  if (!status)
    return status;

  // From here on the new checkpoint counts, whatever fails.
  status = flushDirectory(root);
  if (status)
    status = replaceLatest(root, name);
  if (status)
    status = flushDirectory(root);
  others->push_back({step, target});
  size_t kept = keepLast ? static_cast<size_t>(keepLast) : others->size();
  for (size_t i = 0; status && i + kept < others->size(); ++i)
    status = retire(root, nameOfStep((*others)[i].step));
  return std::move(status).withContext("'" + target +
                                       "' is complete, but afterwards");
}

} // namespace pi_runtime
