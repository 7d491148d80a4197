#include "files/scan.h"

#include "files/open_source.h"
#include "files/paths.h"

namespace varve::files {

namespace {

constexpr uint64_t kTellEvery = 256;

class Scanner {
 public:
  Scanner(Selection selection, const std::string& working_folder, Ledger& ledger, const Cancel& cancel)
      : selection_(std::move(selection)), working_folder_(working_folder), ledger_(ledger), cancel_(cancel) {}

  void scan(const Source& source) {
    if (source.is_leaf()) return scan(absolute_path(source.path, working_folder_), source.is_named);
    for (const auto& [name, below] : source.below) scan(below);
  }

  void tell() { ledger_.expect(files_, bytes_); }

 private:
  void scan(const std::string& path, bool is_named) {
    if (cancel_.stopped() || (!is_named && !selection_.takes_path(path))) return;
    const auto file = look_at(path);
    if (!file || (!is_named && !selection_.takes(path, file->stat))) return;
    if (S_ISREG(file->stat.st_mode)) {
      bytes_ += static_cast<uint64_t>(file->stat.st_size);
      if (++files_ % kTellEvery == 0) tell();
    }
    if (!S_ISDIR(file->stat.st_mode)) return;
    const auto names = storage::posix::names_in(path);
    if (!names) return;
    for (const auto& name : *names) scan(join_path(path, name), false);
  }

  Selection selection_;
  const std::string& working_folder_;
  Ledger& ledger_;
  const Cancel& cancel_;
  uint64_t files_ = 0, bytes_ = 0;
};

}  // namespace

void scan(const Source& root, Selection selection, const std::string& working_folder, Ledger& ledger,
          const Cancel& cancel) {
  Scanner scanner(std::move(selection), working_folder, ledger, cancel);
  scanner.scan(root);
  scanner.tell();
}

}  // namespace varve::files
