#include <algorithm>
#include <mutex>

#include <fmt/format.h>

#include "base/parallel.h"
#include "codec/sha256.h"
#include "repo/checker.h"
#include "repo/pack.h"
#include "repo/shared_reader.h"
#include "repo/unpacked.h"

namespace varve::repo {

using storage::FileType;

namespace {

constexpr uint64_t kLongestHeader = kMaxHeader + sizeof(uint32_t);
constexpr unsigned kMaxUnavailable = 10;
constexpr size_t kManyBlobs = 100'000;

/// What is wrong with a pack.
struct Damage {
  std::vector<std::string> problems;
  std::vector<uint32_t> bad_offsets;
};

/// Reads one pack once.
class PackReader {
 public:
  /// `hashed`: its content was compared with its name already.
  PackReader(Repository& repository, SharedReader& reader, BlobReader& blobs, const IndexedPack& pack, uint64_t size,
             bool hashed, const Cancel& cancel)
      : repository_(repository),
        reader_(reader),
        blobs_(blobs),
        pack_(pack),
        size_(size),
        hashed_(hashed),
        segment_(repository.storage().pace().read),
        cancel_(cancel) {}

  /// Fails only where the storage does not answer.
  Status run() {
    // Of a pack that is too short or too long, or of which the index is wrong, the blobs are read for what they are.
    const bool contiguous = is_contiguous(pack_.blobs);
    if (!contiguous) problem("the index leaves a gap or an overlap between its blobs");
    const bool readable = std::none_of(pack_.blobs.begin(), pack_.blobs.end(), is_too_large);
    whole_ = contiguous && readable && size_ == pack_file_size(pack_.blobs);
    for (size_t first = 0; first < pack_.blobs.size();) {
      const size_t last = segment_from(first);
      TRY(read_segment(first, last));
      first = last;
    }
    if (whole_) judge_header();
    return {};
  }
  Damage take_damage() { return std::move(damage_); }
  uint64_t bytes_read() const { return bytes_read_; }

 private:
  static bool is_too_large(const PackedBlob& blob) { return blob.location.length > kMaxBlob; }
  static uint64_t end_of(const PackedBlob& blob) { return uint64_t{blob.location.offset} + blob.location.length; }

  size_t segment_from(size_t first) const {
    if (!whole_) return first + 1;
    size_t last = first + 1;
    while (last < pack_.blobs.size() && end_of(pack_.blobs[last]) - pack_.blobs[first].location.offset <= segment_) {
      ++last;
    }
    return last;
  }

  Status read_segment(size_t first, size_t last) {
    const uint64_t begin = pack_.blobs[first].location.offset;
    const uint64_t end = end_of(pack_.blobs[last - 1]);
    if (end > size_) return bad_blob(pack_.blobs[first], "it lies beyond the pack's end"), Status();
    if (is_too_large(pack_.blobs[first])) {
      return bad_blob(pack_.blobs[first], "it claims to be larger than any blob"), Status();
    }
    const bool with_header = whole_ && last == pack_.blobs.size() && size_ - end <= kLongestHeader;
    const auto bytes = get(begin, (with_header ? size_ : end) - begin);
    if (!bytes && !is_damage(bytes.error())) return fail(bytes.error());
    if (bytes && whole_ && !hashed_) hash_.update(*bytes);
    if (bytes && with_header) header_.assign(bytes->begin() + static_cast<std::ptrdiff_t>(end - begin), bytes->end());
    for (size_t i = first; i < last; ++i) {
      const auto& blob = pack_.blobs[i];
      TRY(bytes ? judge(blob, ByteView(*bytes).subspan(blob.location.offset - begin, blob.location.length))
                : read_alone(blob));
    }
    if (!bytes) problem(bytes.error().message());
    return {};
  }

  Status judge(const PackedBlob& blob, ByteView unit) {
    const auto plain = blobs_.open(unit, blob.location, blob.id);
    if (!plain) bad_blob(blob, plain.error().message());
    return {};
  }

  /// One bad sector must not spoil what lies beside it.
  Status read_alone(const PackedBlob& blob) {
    whole_ = false;
    const auto unit = get(blob.location.offset, blob.location.length);
    if (unit) return judge(blob, *unit);
    if (!is_damage(unit.error())) return fail(unit.error());
    bad_blob(blob, unit.error().message());
    return {};
  }

  /// The header, which came with the last segment, and the hash of it all.
  void judge_header() {
    if (header_.empty()) return problem("its header is longer than any");
    const auto listed = read_pack_header(repository_.key(), header_, pack_.pack);
    if (!listed) {
      problem(listed.error().message());
    } else if (encode_pack_header(*listed) != encode_pack_header(pack_.blobs)) {
      problem("its header lists other blobs than the index");
    }
    if (!hashed_ && hash_.finish() != pack_.pack) problem("its content does not match its name");
  }

  Result<Bytes> get(uint64_t offset, uint64_t length) {
    bytes_read_ += length;
    return reader_.get({FileType::kPack, pack_.pack}, offset, length, cancel_);
  }
  void problem(std::string what) { damage_.problems.push_back(std::move(what)); }
  void bad_blob(const PackedBlob& blob, std::string_view why) {
    problem(fmt::format("{} {}: {}", type_noun(blob.type), blob.id.short_hex(), why));
    damage_.bad_offsets.push_back(blob.location.offset);
  }

  Repository& repository_;
  SharedReader& reader_;
  BlobReader& blobs_;
  const IndexedPack& pack_;
  const uint64_t size_;
  const bool hashed_;
  const uint64_t segment_;  ///< read at once, unless one blob is larger
  const Cancel& cancel_;
  bool whole_ = false;
  codec::Sha256 hash_;
  Bytes header_;
  Damage damage_;
  uint64_t bytes_read_ = 0;
};

std::string summary(const std::vector<std::string>& problems) {
  std::string out = problems.front();
  if (problems.size() > 1) out += fmt::format(", and {} more", problems.size() - 1);
  return out;
}

}  // namespace

/// Twice if need be: a bad transfer is not a bad pack.
Status Checker::read_pack(IndexedPack& pack, uint64_t size, const Cancel& cancel) {
  sort_by_place(pack.blobs);
  const auto found = options_.hashed.find(pack.pack);
  const bool hashed = found != options_.hashed.end() && found->second == size;
  Damage damage;
  Status read;
  for (int attempt = 0; attempt < 2; ++attempt) {
    PackReader reader(repository_, reader_, blobs_, pack, size, hashed && attempt == 0, cancel);
    read = reader.run();
    bytes_read_ += reader.bytes_read();
    damage = reader.take_damage();
    if (read && damage.problems.empty()) return {};
    TRY(cancel.check());
  }
  const std::string name = "pack " + pack.pack.short_hex();
  if (!read) {
    // What is not answered twice is a finding; a storage that is gone ends the check.
    if (++unavailable_ > kMaxUnavailable) return read;
    findings_.mark_pack(pack.pack, broken_pack(pack.pack, name + " cannot be read: " + read.error().message()));
    return {};
  }
  const auto header = load_pack_header(repository_.storage(), repository_.key(), pack.pack, size, cancel);
  const bool index_is_wrong = header && digest_of(*header) != digest_of(pack.blobs);
  const auto finding = index_is_wrong ? wrong_index(name + " is not as the index says: " + summary(damage.problems))
                                      : broken_pack(pack.pack, name + " is damaged: " + summary(damage.problems));
  for (const uint32_t offset : damage.bad_offsets) findings_.mark_place(pack.pack, offset, finding);
  return {};
}

Status Checker::choose_packs() {
  std::unordered_set<Id> wanted;
  if (options_.limited()) {
    TRY(list_packs_of_snapshots(wanted));
  }
  std::vector<storage::FileInfo> candidates;
  for (const auto& [id, info] : packs_) {
    if (info.present && (!options_.limited() || wanted.contains(id))) candidates.push_back({id, info.real_size});
  }
  for (const auto& pack : options_.subset.choose(std::move(candidates))) packs_[pack.id].chosen = true;
  return {};
}

Status Checker::read_chosen(std::vector<IndexedPack>& packs, const CheckProgress& progress, uint64_t total) {
  std::mutex progress_mutex;
  const auto read_one = [&](size_t i, const Cancel& inner) -> Status {
    TRY(read_pack(packs[i], packs_.find(packs[i].pack)->second.real_size, inner));
    std::lock_guard lock(progress_mutex);
    ++packs_read_;
    if (progress) progress("packs", packs_read_, total);
    return {};
  };
  TRY(parallel_for(packs.size(), reader_.threads(), cancel_, read_one));
  packs.clear();
  return {};
}

Status Checker::read_packs(const CheckProgress& progress) {
  TRY(choose_packs());
  const auto total = static_cast<uint64_t>(
      std::count_if(packs_.begin(), packs_.end(), [](const auto& pack) { return pack.second.chosen; }));
  // Index files are often small: those of many go together, so that no thread waits at the end of each.
  std::vector<IndexedPack> packs;
  size_t blobs = 0;
  for (const auto& file : index_files_) {
    const auto json = load_unpacked(repository_, FileType::kIndex, file.id, file.size, cancel_);
    if (!json && !is_damage(json.error())) return fail(json.error());
    if (!json) continue;  // found already
    (void)decode_index(*json, [&](IndexedPack pack) {
      const auto info = packs_.find(pack.pack);
      if (info == packs_.end() || !info->second.chosen || pack.blobs.empty()) return;
      info->second.chosen = false;
      blobs += pack.blobs.size();
      packs.push_back(std::move(pack));
    });
    if (blobs < kManyBlobs) continue;
    TRY(read_chosen(packs, progress, total));
    blobs = 0;
  }
  return read_chosen(packs, progress, total);
}

}  // namespace varve::repo
