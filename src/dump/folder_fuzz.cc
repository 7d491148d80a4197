#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/fuzz.h"
#include "dump/testing/read_valid.h"

namespace {

namespace fs = std::filesystem;
using namespace varve;

constexpr std::array kNames = {"shop/orders.bson",
                               "shop/orders.metadata.json",
                               "shop/system.indexes.bson",
                               "prelude.json",
                               "oplog.bson",
                               "shop/prelude.json",
                               "shop/odd%2Fname%25+x.bson",
                               "shop/odd%2Fname%25+x.metadata.json",
                               "shop/not escaped%.bson",
                               "shop/bare.bin",
                               "shop/$admin.system.users.bson",
                               "admin/system.version.bson",
                               "shop/system.buckets.heat.bson",
                               "shop/heat.metadata.json",
                               "shop/orders.bson.gz",
                               "shop/orders.metadata.json.gz"};

/// A folder as long as the process lives.
struct Root {
  Root() {
    auto name = (fs::temp_directory_path() / "varve-folder-fuzz-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path = name;
  }
  ~Root() {
    std::error_code error;
    fs::remove_all(path, error);
  }
  fs::path path;
};

const fs::path& root() {
  static const Root root;
  return root.path;
}

/// For each file a byte that chooses its name, two with its length, and the content.
void write_files(ByteView bytes) {
  constexpr size_t kHead = 3;
  while (bytes.size() >= kHead) {
    const auto path = root() / kNames[bytes[0] % kNames.size()];
    const size_t size = std::min<size_t>(load_le<uint16_t>(bytes.data() + 1), bytes.size() - kHead);
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << as_text(bytes.subspan(kHead, size));
    bytes = bytes.subspan(kHead + size);
  }
}

void read_all(const std::string& path) {
  const Cancel cancel;
  const auto folder = dump::open_folder(path, {}, cancel);
  if (!folder) return;
  dump::testing::read_valid(**folder);
}

}  // namespace

/// Whatever lies in a folder is taken apart into valid documents, or refused.
VARVE_FUZZ(folder) {
  write_files(bytes);
  read_all(root());
  if (fs::exists(root() / "shop")) read_all(root() / "shop");
  for (const auto& entry : fs::directory_iterator(root())) fs::remove_all(entry.path());
}
