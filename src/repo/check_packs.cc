#include <algorithm>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "codec/sha256.h"
#include "repo/checker.h"
#include "repo/pack.h"
#include "repo/parallel.h"
#include "repo/unpacked.h"

namespace varve::repo {

using storage::FileType;

namespace {

constexpr uint64_t kSegment = 16u << 20;  // read at once, unless one blob is larger: bounds a thread's memory
constexpr unsigned kMaxThreads = 16;
constexpr unsigned kMaxUnavailable = 10;

/// What is wrong with a pack.
struct Damage {
  std::vector<std::string> problems;
  std::vector<uint32_t> bad_offsets;
};

/// Reads one pack once.
class PackReader {
 public:
  PackReader(Repository& repository, BlobReader& blobs, const IndexedPack& pack, uint64_t size, const Cancel& cancel)
      : repository_(repository), blobs_(blobs), pack_(pack), size_(size), cancel_(cancel) {}

  /// Fails only where the storage does.
  Status run() {
    // Of a pack that is too short or too long, or of which the index is wrong, the blobs are read for what they are.
    whole_ = size_ == pack_file_size(pack_.blobs) && is_contiguous();
    for (size_t first = 0; first < pack_.blobs.size();) {
      const size_t last = segment_from(first);
      TRY(read_segment(first, last));
      first = last;
    }
    if (whole_) TRY(read_rest());
    return {};
  }
  Damage take_damage() { return std::move(damage_); }
  uint64_t bytes_read() const { return bytes_read_; }

 private:
  static uint64_t end_of(const PackedBlob& blob) { return uint64_t{blob.location.offset} + blob.location.length; }

  bool is_contiguous() {
    uint64_t end = 0;
    for (const auto& blob : pack_.blobs) {
      if (blob.location.offset != end) {
        problem(fmt::format("the index leaves a gap or an overlap at byte {}", end));
        return false;
      }
      end = end_of(blob);
    }
    return true;
  }

  size_t segment_from(size_t first) const {
    if (!whole_) return first + 1;
    size_t last = first + 1;
    while (last < pack_.blobs.size() && end_of(pack_.blobs[last]) - pack_.blobs[first].location.offset <= kSegment) {
      ++last;
    }
    return last;
  }

  Status read_segment(size_t first, size_t last) {
    const uint64_t begin = pack_.blobs[first].location.offset;
    const uint64_t end = end_of(pack_.blobs[last - 1]);
    if (end > size_) {
      bad_blob(pack_.blobs[first], "it lies beyond the pack's end");
      return {};
    }
    TRY_ASSIGN(const auto bytes, get(begin, end - begin));
    if (whole_) hash_.update(bytes);
    for (size_t i = first; i < last; ++i) {
      const auto& blob = pack_.blobs[i];
      const auto unit = ByteView(bytes).subspan(blob.location.offset - begin, blob.location.length);
      const auto plain = blobs_.open(unit, blob.location, blob.id);
      if (!plain) bad_blob(blob, plain.error().message());
    }
    return {};
  }

  /// The header, and then the hash of it all.
  Status read_rest() {
    const uint64_t begin = end_of(pack_.blobs.back());
    TRY_ASSIGN(const auto tail, get(begin, size_ - begin));
    hash_.update(tail);
    const auto listed = read_pack_header(repository_.key(), tail, pack_.pack);
    if (!listed) {
      problem(listed.error().message());
    } else if (encode_pack_header(*listed) != encode_pack_header(pack_.blobs)) {
      problem("its header lists other blobs than the index");
    }
    if (hash_.finish() != pack_.pack) problem("its content does not match its name");
    return {};
  }

  Result<Bytes> get(uint64_t offset, uint64_t length) {
    bytes_read_ += length;
    return repository_.storage().get({FileType::kPack, pack_.pack}, offset, length, cancel_);
  }
  void problem(std::string what) { damage_.problems.push_back(std::move(what)); }
  void bad_blob(const PackedBlob& blob, std::string_view why) {
    problem(fmt::format("{} {}: {}", type_noun(blob.type), blob.id.short_hex(), why));
    damage_.bad_offsets.push_back(blob.location.offset);
  }

  Repository& repository_;
  BlobReader& blobs_;
  const IndexedPack& pack_;
  const uint64_t size_;
  const Cancel& cancel_;
  bool whole_ = false;
  codec::Sha256 hash_;
  Damage damage_;
  uint64_t bytes_read_ = 0;
};

std::string summary(const std::vector<std::string>& problems) {
  std::string out = problems.front();
  if (problems.size() > 1) out += fmt::format(" (and {} more problems)", problems.size() - 1);
  return out;
}

}  // namespace

/// Twice if need be: a bad transfer is not a bad pack.
Status Checker::read_pack(IndexedPack& pack, uint64_t size, const Cancel& cancel) {
  std::sort(pack.blobs.begin(), pack.blobs.end(), [](const PackedBlob& a, const PackedBlob& b) {
    return std::tie(a.location.offset, a.location.length) < std::tie(b.location.offset, b.location.length);
  });
  Damage damage;
  Status read;
  for (int attempt = 0; attempt < 2; ++attempt) {
    PackReader reader(repository_, blobs_, pack, size, cancel);
    read = reader.run();
    bytes_read_ += reader.bytes_read();
    damage = reader.take_damage();
    if (read && damage.problems.empty()) return {};
    TRY(cancel.check());
  }
  const std::string name = "pack " + pack.pack.short_hex();
  if (!read) {
    // A sector that cannot be read is a finding; a storage that is gone ends the check.
    if (!is_damage(read.error()) && ++unavailable_ > kMaxUnavailable) return read;
    findings_.mark_pack(pack.pack, findings_.error(name + " cannot be read: " + read.error().message()));
    return {};
  }
  const auto finding = findings_.error(name + " is damaged: " + summary(damage.problems));
  for (const uint32_t offset : damage.bad_offsets) findings_.mark_place(pack.pack, offset, finding);
  return {};
}

Status Checker::read_packs(const CheckProgress& progress) {
  const unsigned threads = std::clamp(std::thread::hardware_concurrency(), repository_.storage().connections(),
                                      std::max(kMaxThreads, repository_.storage().connections()));
  std::mutex progress_mutex;
  uint64_t done = 0;
  for (const auto& file : index_files_) {
    const auto json = load_unpacked(repository_, FileType::kIndex, file.id, file.size, cancel_);
    if (!json && !is_damage(json.error())) return fail(json.error());
    if (!json) continue;  // found already
    std::vector<IndexedPack> packs;
    (void)decode_index(*json, [&](IndexedPack pack) {
      const auto info = packs_.find(pack.pack);
      if (info == packs_.end() || !info->second.present || info->second.read || pack.blobs.empty()) return;
      info->second.read = true;
      packs.push_back(std::move(pack));
    });
    const auto read_one = [&](size_t i, const Cancel& inner) -> Status {
      TRY(read_pack(packs[i], packs_.find(packs[i].pack)->second.real_size, inner));
      std::lock_guard lock(progress_mutex);
      if (progress) progress(++done, packs_.size());
      return {};
    };
    TRY(parallel_for(packs.size(), threads, cancel_, read_one));
  }
  return {};
}

}  // namespace varve::repo
