#include <cstdlib>

#include "base/fuzz.h"
#include "codec/sha256.h"
#include "maintenance/repair_index.h"
#include "maintenance/repair_snapshots.h"
#include "repo/check.h"
#include "repo/index.h"
#include "repo/pack.h"
#include "repo/unpacked.h"
#include "repo/walk_trees.h"
#include "storage/memory.h"

using namespace varve;

namespace {

using storage::FileType;

/// Makes a repository that somebody who knows the password could have made. The input is a list of records: a letter,
/// two bytes of length, content. In content, '@' and a digit stand for the id of one of the blobs made so far, '#' and
/// a digit for that of a pack: no fuzzer finds a hash.
class Forger {
 public:
  Forger() {
    auto made = repo::Repository::init(memory_, "geheim", codec::parse_polynomial("3da3358b4dc173").value(), {2, 1, 1},
                                       Cancel());
    if (!made) std::abort();
    repository_ = std::move(*made);
  }

  void forge(ByteView bytes) {
    while (bytes.size() >= 3) {
      const char kind = static_cast<char>(bytes[0]);
      const size_t length = std::min<size_t>(load_le<uint16_t>(bytes.data() + 1), bytes.size() - 3);
      add(kind, expand(as_text(bytes.subspan(3, length))));
      bytes = bytes.subspan(3 + length);
    }
    end_pack(true);
  }

  repo::Repository& repository() { return *repository_; }

 private:
  void add(char kind, const std::string& content) {
    switch (kind) {
      case 't':
        return add_blob(repo::BlobType::kTree, content);
      case 'd':
        return add_blob(repo::BlobType::kData, content);
      case 'p':
        return end_pack(true);
      case 'q':
        return end_pack(false);
      case 's':
        return (void)repository_->save_file(FileType::kSnapshot, content, Cancel());
      case 'i':
        return (void)repository_->save_file(FileType::kIndex, content, Cancel());
      case 'l':
        return (void)repository_->save_file(FileType::kLock, content, Cancel());
      default:
        return;
    }
  }

  void add_blob(repo::BlobType type, const std::string& content) {
    Bytes unit;
    codec::seal(repository_->key(), {1}, as_bytes(content), unit);
    const Id id = codec::sha256(as_bytes(content));
    pack_.add(type, id, unit, 0);
    blobs_.push_back(id);
  }

  void end_pack(bool with_index) {
    if (pack_.empty()) return;
    pack_.finish(repository_->key(), {2});
    const Id id = codec::sha256(pack_.bytes());
    const ByteView pieces[] = {pack_.bytes()};
    (void)memory_->put({FileType::kPack, id}, pieces, Cancel());
    packs_.push_back(id);
    const auto json = repo::encode_index({{id, pack_.place_in(id)}});
    if (with_index) (void)repository_->save_file(FileType::kIndex, json, Cancel());
    pack_ = repo::PackBuilder(1000);
  }

  std::string expand(std::string_view content) const {
    std::string out;
    for (size_t i = 0; i < content.size(); ++i) {
      const auto& ids = content[i] == '#' ? packs_ : blobs_;
      const bool stands_for_id = (content[i] == '@' || content[i] == '#') && i + 1 < content.size() && !ids.empty();
      if (stands_for_id) {
        out += ids[static_cast<uint8_t>(content[++i] - '0') % ids.size()].hex();
      } else {
        out += content[i];
      }
    }
    return out;
  }

  std::shared_ptr<storage::MemoryStorage> memory_ = std::make_shared<storage::MemoryStorage>();
  std::unique_ptr<repo::Repository> repository_;
  repo::PackBuilder pack_{1000};
  std::vector<Id> blobs_, packs_;
};

void read_all(repo::Repository& repository, const std::vector<Id>& roots) {
  (void)repo::walk_trees(
      repository, roots,
      [&](const Id&, const Result<std::vector<repo::Node>>& nodes) -> Status {
        if (!nodes) return {};
        for (const auto& node : *nodes) (void)repo::read_file(repository, node, Cancel(), 1u << 20);
        return {};
      },
      Cancel());
}

}  // namespace

/// Whoever reads, checks or repairs it neither crashes nor takes it for whole when it is not.
VARVE_FUZZ(repository) {
  Forger forger;
  forger.forge(bytes);
  auto& repository = forger.repository();
  const auto checked = repo::check(repository, {.read_data = true}, {}, Cancel());
  if (!checked) return;
  SilentReporter reporter;
  const auto repaired = maintenance::repair_index(repository, {.read_all_packs = true}, reporter, Cancel());
  if (!repaired) std::abort();
  if (!repository.load_index(Cancel())) std::abort();
  const auto files = repo::read_snapshot_files(repository, Cancel());
  if (!files) std::abort();
  std::vector<Id> roots;
  for (const auto& file : *files) {
    if (file.snapshot) roots.push_back(file.snapshot->tree);
  }
  read_all(repository, roots);
  (void)maintenance::repair_snapshots(repository, *files, {.forget = true, .named = true}, reporter, Cancel());
  const auto again = maintenance::repair_index(repository, {.read_all_packs = true}, reporter, Cancel());
  const bool settled =
      again && again->added_packs.empty() && again->corrected_packs.empty() && again->broken_files.empty();
  if (!settled) std::abort();
}
