#include "maintenance/repair_packs.h"

#include <algorithm>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "codec/sha256.h"
#include "maintenance/index_replacement.h"
#include "repo/blob_reader.h"
#include "repo/pack.h"
#include "repo/packer.h"
#include "repo/unpacked.h"
#include "repo/walk_trees.h"

namespace varve::maintenance {

namespace {

using repo::BlobType;
using repo::IndexedPack;
using repo::PackedBlob;
using storage::FileType;

constexpr uint64_t kLargest = uint64_t{2} << 30;  // no pack is larger: it would have to be held in memory
constexpr uint64_t kNewPack = 16u << 20;
constexpr size_t kMaxLosses = 20;

/// A pack's bytes, as far as they can be had.
struct Content {
  Bytes bytes;
  std::set<std::pair<uint32_t, uint32_t>> holes;  ///< places that the storage could not give

  Result<ByteView> at(const repo::BlobLocation& place) const {
    if (uint64_t{place.offset} + place.length > bytes.size()) {
      return fail(ErrorKind::kCorrupt, "it lies beyond the pack's end");
    }
    if (holes.contains({place.offset, place.length})) return fail(ErrorKind::kCorrupt, "the storage cannot read it");
    return ByteView(bytes).subspan(place.offset, place.length);
  }
};

class Salvage {
 public:
  Salvage(repo::Repository& repository, const std::vector<Id>& packs, const KeepCopy& keep_copy, Reporter& reporter,
          const Cancel& cancel)
      : repository_(repository),
        keep_copy_(keep_copy),
        reporter_(reporter),
        cancel_(cancel),
        doomed_(packs.begin(), packs.end()),
        order_(doomed_.begin(), doomed_.end()),
        blobs_(repository.storage(), repository.key()),
        packer_(repository.key(), kNewPack),
        replacement_(repository) {}

  Result<RepairPacksResult> run() {
    list_blobs();
    for (const Id& pack : order_) TRY(refuse_unknown(pack));
    for (const Id& pack : order_) repository_.index().drop_pack(pack);
    for (const Id& pack : order_) {
      TRY(salvage(pack));
      reporter_.progress(
          {.action = "repair", .item = "packs", .items = result_.packs.size(), .items_total = order_.size()});
    }
    for (auto& pack : packer_.flush()) TRY(store(std::move(pack)));
    TRY(count_losses());
    TRY(replace_index());
    TRY(remove_packs());
    result_.files_written = replacement_.files_written();
    result_.files_removed = replacement_.files_removed();
    return std::move(result_);
  }

 private:
  using BlobKey = std::pair<BlobType, Id>;

  void list_blobs() {
    std::sort(order_.begin(), order_.end());
    repository_.index().for_each([&](BlobType type, const Id& id, const repo::BlobLocation& at) {
      if (doomed_.contains(at.pack)) listed_[at.pack].push_back({type, id, at});
    });
  }

  Status refuse_unknown(const Id& pack) {
    if (listed_.contains(pack)) return {};
    const auto size = repository_.storage().stat({FileType::kPack, pack}, cancel_);
    if (size) return {};
    if (size.error().kind() != ErrorKind::kNotFound) return fail(size.error());
    return fail(Error(ErrorKind::kInvalidInput,
                      "there is no pack " + pack.hex() + ", neither in the index nor in the repository")
                    .hint("`varve check --read-data` names the damaged ones"));
  }

  Status salvage(const Id& pack) {
    SalvagedPack& outcome = result_.packs.emplace_back();
    outcome.pack = pack;
    const auto size = repository_.storage().stat({FileType::kPack, pack}, cancel_);
    outcome.was_missing = !size && size.error().kind() == ErrorKind::kNotFound;
    if (outcome.was_missing) return note_all_failed(pack, "the pack is missing");
    if (!size) return fail(size.error());
    if (*size > kLargest) {
      return fail(ErrorKind::kUnsupported, "pack " + pack.short_hex() + " is larger than any pack that is made");
    }
    TRY(add_header(pack, *size));
    TRY_ASSIGN(const auto content, read(pack, *size));
    TRY(keep_copy_(pack, content.bytes));
    for (const auto& blob : listed_[pack]) TRY(salvage_blob(content, blob, outcome));
    return {};
  }

  /// What the header lists beyond the index.
  Status add_header(const Id& pack, uint64_t size) {
    const auto header = repo::load_pack_header(repository_.storage(), repository_.key(), pack, size, cancel_);
    TRY(cancel_.check());
    if (header) join(*header, listed_[pack]);  // if not, the index must do
    return {};
  }

  Result<Content> read(const Id& pack, uint64_t size) {
    Content content;
    if (size == 0) return content;
    auto& storage = repository_.storage();
    if (auto whole = storage.get({FileType::kPack, pack}, 0, size, cancel_)) {
      content.bytes = std::move(*whole);
      return content;
    }
    TRY(cancel_.check());
    TRY(storage.stat({FileType::kPack, pack}, cancel_));  // it answers: then it is the bytes that are bad
    content.bytes.assign(size, 0);
    for (const auto& blob : listed_[pack]) {
      const auto& at = blob.location;
      if (uint64_t{at.offset} + at.length > size) continue;
      auto piece = storage.get({FileType::kPack, pack}, at.offset, at.length, cancel_);
      if (!piece) piece = storage.get({FileType::kPack, pack}, at.offset, at.length, cancel_);
      TRY(cancel_.check());
      if (piece) {
        std::copy(piece->begin(), piece->end(), content.bytes.begin() + at.offset);
      } else {
        content.holes.emplace(at.offset, at.length);
      }
    }
    return content;
  }

  Status salvage_blob(const Content& content, const PackedBlob& blob, SalvagedPack& outcome) {
    const BlobKey key{blob.type, blob.id};
    if (salvaged_.contains(key)) return {};
    const auto unit = content.at(blob.location);
    const auto plain = unit ? blobs_.open(*unit, blob.location, blob.id) : Result<Bytes>(fail(unit.error()));
    if (!plain) {
      failed_.push_back({key, result_.packs.size() - 1, plain.error().message()});
      return {};
    }
    salvaged_.insert(key);
    ++outcome.salvaged;
    TRY_ASSIGN(auto full, packer_.add(blob.type, blob.id, *unit, blob.location.plain_length, cancel_));
    return full ? store(std::move(*full)) : Status();
  }

  Status note_all_failed(const Id& pack, std::string_view why) {
    for (const auto& blob : listed_[pack]) {
      failed_.push_back({{blob.type, blob.id}, result_.packs.size() - 1, std::string(why)});
    }
    return {};
  }

  /// Durable, and read back: the damaged pack goes for it.
  Status store(repo::PackBuilder pack) {
    const Id id = codec::sha256(pack.bytes());
    const ByteView pieces[] = {pack.bytes()};
    TRY(repository_.storage().put({FileType::kPack, id}, pieces, cancel_));
    TRY(repo::read_back_pack(repository_.storage(), {id, pack.size()}, cancel_));
    return replacement_.add({id, pack.place_in(id)}, cancel_);
  }

  /// What is whole elsewhere is not lost.
  Status count_losses() {
    std::set<BlobKey> counted;
    for (const auto& failure : failed_) {
      const auto& [type, id] = failure.blob;
      if (salvaged_.contains(failure.blob) || !counted.insert(failure.blob).second) continue;
      const auto elsewhere = repository_.load_blob(type, id, cancel_);
      if (!elsewhere && !repo::is_damage(elsewhere.error())) return fail(elsewhere.error());
      if (elsewhere) continue;
      SalvagedPack& outcome = result_.packs[failure.pack];
      if (++outcome.lost <= kMaxLosses) {
        outcome.losses.push_back(fmt::format("{} {}: {}", repo::type_noun(type), id.hex(), failure.why));
      }
    }
    return {};
  }

  Status replace_index() {
    TRY_ASSIGN(const auto files, repo::list_files(repository_.storage(), FileType::kIndex, cancel_));
    const auto stays = [&](const IndexedPack& pack) { return !doomed_.contains(pack.pack); };
    for (const auto& file : files) {
      TRY_ASSIGN(const auto packs, read_index_file(repository_, file.id, cancel_));
      if (!std::all_of(packs.begin(), packs.end(), stays)) TRY(replacement_.rewrite(file.id, stays, cancel_));
    }
    return replacement_.finish(cancel_);
  }

  Status remove_packs() {
    TRY(repository_.confirm_locks(cancel_));
    for (const auto& outcome : result_.packs) {
      if (outcome.was_missing) continue;
      auto removed = repository_.storage().remove({FileType::kPack, outcome.pack}, cancel_);
      if (removed || removed.error().kind() == ErrorKind::kNotFound) continue;
      return fail(std::move(removed)
                      .error()
                      .within("damaged pack " + outcome.pack.short_hex() + " is out of the index but cannot be removed")
                      .hint("`varve prune` removes it once that is possible"));
    }
    return {};
  }

  struct Failure {
    BlobKey blob;
    size_t pack;  ///< in result_
    std::string why;
  };

  repo::Repository& repository_;
  const KeepCopy& keep_copy_;
  Reporter& reporter_;
  const Cancel& cancel_;
  const std::unordered_set<Id> doomed_;
  std::vector<Id> order_;
  repo::BlobReader blobs_;
  repo::Packer packer_;
  IndexReplacement replacement_;
  RepairPacksResult result_;
  std::unordered_map<Id, std::vector<PackedBlob>> listed_;
  std::set<BlobKey> salvaged_;
  std::vector<Failure> failed_;
};

}  // namespace

Result<RepairPacksResult> repair_packs(repo::Repository& repository, const std::vector<Id>& packs,
                                       const KeepCopy& keep_copy, Reporter& reporter, const Cancel& cancel) {
  return Salvage(repository, packs, keep_copy, reporter, cancel).run();
}

}  // namespace varve::maintenance
