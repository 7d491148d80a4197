#include "files/file_saver.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "files/chunk_stream.h"
#include "files/open_source.h"

namespace varve::files {

namespace {

constexpr size_t kQueuedFiles = 32;

}  // namespace

/// A file whose chunks are on their way. It is complete when the reader and all chunks have let go.
struct FileSaver::Reading {
  FileJob job;
  repo::Node node{};
  std::mutex mutex{};
  std::vector<Id> content{};
  std::atomic<size_t> holders = 1;
  std::atomic<bool> failed = false;
};

FileSaver::FileSaver(codec::Polynomial polynomial, repo::Writer& writer, const Describe& describe, TreeSaver& trees,
                     Ledger& ledger)
    : polynomial_(polynomial),
      writer_(writer),
      describe_(describe),
      trees_(trees),
      ledger_(ledger),
      jobs_(kQueuedFiles) {}

Status FileSaver::add(FileJob job, const Cancel& cancel) {
  if (jobs_.push(std::move(job), cancel)) return {};
  TRY(cancel.check());
  return fail(ErrorKind::kInternal, "a file came after the last one");
}

Status FileSaver::run(const Cancel& cancel) {
  codec::RabinChunker chunker(polynomial_);
  while (auto job = jobs_.pop(cancel)) TRY(save(std::move(*job), chunker, cancel));
  return cancel.check();
}

Status FileSaver::save(FileJob job, codec::RabinChunker& chunker, const Cancel& cancel) {
  ledger_.starts(job.path);
  const auto reading = std::make_shared<Reading>();
  reading->job = std::move(job);
  const auto& path = reading->job.path;
  auto opened = open_source(path);
  if (opened && !S_ISREG(opened->file.stat.st_mode)) {
    opened = fail(ErrorKind::kInconsistent, "it is no longer a file, and was left out");
  }
  auto status = opened ? read(opened->file, reading, chunker, cancel) : Status(fail(opened.error()));
  if (!status && (cancel.stopped() || writer_.cancel().stopped())) return status;
  if (!status) {
    reading->failed = true;
    ledger_.problem(path, status.error());
  }
  let_go(reading);
  return {};
}

Status FileSaver::read(const LocalFile& file, const std::shared_ptr<Reading>& reading, codec::RabinChunker& chunker,
                       const Cancel& cancel) {
  std::vector<Error> problems;
  TRY_ASSIGN(reading->node, describe_(file, reading->job.name, problems));
  for (const auto& problem : problems) ledger_.problem(file.path, problem);
  reading->node.size = 0;

  const auto read_some = [&](std::span<uint8_t> into) -> Result<size_t> {
    TRY(cancel.check());
    ssize_t got = 0;
    do got = ::read(file.fd, into.data(), into.size());
    while (got < 0 && errno == EINTR);
    if (got < 0) return fail(system_error("cannot read it to its end, so it was left out", errno));
    return static_cast<size_t>(got);
  };
  const auto take = [&](Bytes chunk) -> Status {
    const uint64_t size = chunk.size();
    size_t place = 0;
    {
      std::lock_guard lock(reading->mutex);
      place = reading->content.size();
      reading->content.emplace_back();
    }
    reading->node.size += size;
    ++reading->holders;
    TRY(writer_.save(repo::BlobType::kData, std::move(chunk), [this, reading, place](const Id& id) {
      {
        std::lock_guard lock(reading->mutex);
        reading->content[place] = id;
      }
      let_go(reading);
    }));
    ledger_.has_read(size);
    return {};
  };
  return cut_stream(chunker, static_cast<uint64_t>(file.stat.st_size), read_some, take);
}

void FileSaver::let_go(const std::shared_ptr<Reading>& reading) {
  if (--reading->holders > 0) return;
  if (reading->failed) return trees_.let_go(reading->job.entry.folder);
  reading->node.content = std::move(reading->content);
  ledger_.count(reading->job.previous, reading->node);
  trees_.fill(reading->job.entry, reading->node);
}

}  // namespace varve::files
