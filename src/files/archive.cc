#include "files/archive.h"

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <optional>

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <sys/stat.h>

#include "codec/utf8.h"
#include "files/restore_metadata.h"
#include "repo/go_time.h"

namespace varve::files {

namespace {

using repo::Node;
using repo::NodeType;

struct FreeArchive {
  void operator()(::archive* a) const { ::archive_write_free(a); }
};
struct FreeEntry {
  void operator()(::archive_entry* e) const { ::archive_entry_free(e); }
};
using EntryPtr = std::unique_ptr<::archive_entry, FreeEntry>;

/// libarchive translates names by the thread's locale: a UTF-8 one leaves them as they are.
class Utf8Locale {
 public:
  Utf8Locale() : previous_(uselocale(utf8())) {}
  ~Utf8Locale() { uselocale(previous_); }
  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;

 private:
  static locale_t utf8() {
    static const locale_t made = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    return made;
  }
  const locale_t previous_;
};

mode_t kind_of(NodeType type) {
  switch (type) {
    case NodeType::kFile:
      return S_IFREG;
    case NodeType::kDir:
      return S_IFDIR;
    case NodeType::kSymlink:
      return S_IFLNK;
    case NodeType::kDevice:
      return S_IFBLK;
    case NodeType::kCharDevice:
      return S_IFCHR;
    case NodeType::kFifo:
      return S_IFIFO;
    case NodeType::kSocket:
      return S_IFSOCK;
  }
  return 0;
}

template <typename Set>
void set_time(::archive_entry* entry, Time time, Set set) {
  if (time == repo::kGoZeroTime) return;
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  set(entry, seconds.time_since_epoch().count(), static_cast<long>((time - seconds).count()));
}

void add_attributes(::archive_entry* entry, const Node& node) {
  for (const auto& [name, value] : node.extended_attributes) {
    const int kind = name == "system.posix_acl_access"    ? ARCHIVE_ENTRY_ACL_TYPE_ACCESS
                     : name == "system.posix_acl_default" ? ARCHIVE_ENTRY_ACL_TYPE_DEFAULT
                                                          : 0;
    const auto text = kind != 0 ? acl_text(value) : "";
    if (text.empty() || ::archive_entry_acl_from_text(entry, text.c_str(), kind) != ARCHIVE_OK) {
      ::archive_entry_xattr_add_entry(entry, name.c_str(), value.data(), value.size());
    }
  }
}

EntryPtr make_entry(const std::string& name, const Node& node, const std::string& hard_link) {
  EntryPtr entry(::archive_entry_new());
  auto* e = entry.get();
  ::archive_entry_set_pathname(e, (name + (node.type == NodeType::kDir ? "/" : "")).c_str());
  ::archive_entry_set_mode(e, kind_of(node.type) | permissions_of(node));
  ::archive_entry_set_uid(e, node.uid);
  ::archive_entry_set_gid(e, node.gid);
  if (!node.user.empty()) ::archive_entry_set_uname(e, node.user.c_str());
  if (!node.group.empty()) ::archive_entry_set_gname(e, node.group.c_str());
  set_time(e, node.mtime, ::archive_entry_set_mtime);
  set_time(e, node.atime, ::archive_entry_set_atime);
  set_time(e, node.ctime, ::archive_entry_set_ctime);
  ::archive_entry_set_size(e, node.type == NodeType::kFile && hard_link.empty() ? static_cast<int64_t>(node.size) : 0);
  if (node.type == NodeType::kSymlink) ::archive_entry_set_symlink(e, node.link_target.c_str());
  if (node.type == NodeType::kDevice || node.type == NodeType::kCharDevice) ::archive_entry_set_rdev(e, node.device);
  if (!hard_link.empty()) ::archive_entry_set_hardlink(e, hard_link.c_str());
  add_attributes(e, node);
  return entry;
}

}  // namespace

struct Archive::State {
  State(ArchiveFormat its_format, const DumpSink& its_sink) : format(its_format), sink(its_sink) {}

  const ArchiveFormat format;
  const DumpSink& sink;
  std::optional<Error> sink_error;
  std::unique_ptr<::archive, FreeArchive> archive{::archive_write_new()};

  static la_ssize_t take(::archive* archive, void* self, const void* bytes, size_t size) {
    auto& state = *static_cast<State*>(self);
    const auto done = state.sink({static_cast<const uint8_t*>(bytes), size});
    if (done) return static_cast<la_ssize_t>(size);
    state.sink_error = done.error();
    ::archive_set_error(archive, EIO, "%s", done.error().message().c_str());
    return -1;
  }

  /// ARCHIVE_WARN is not a failure: a name that is no UTF-8 is one, and is written as it is.
  Status check(int result) const {
    if (result >= ARCHIVE_WARN) return {};
    if (sink_error) return fail(*sink_error);
    const char* why = ::archive_error_string(archive.get());
    return fail(ErrorKind::kInternal, std::string("cannot write the archive: ") + (why != nullptr ? why : "?"));
  }
};

Archive::Archive(std::unique_ptr<State> state) : state_(std::move(state)) {}

/// One that was not finished must not look as if it were: the marks of its end are left out.
Archive::~Archive() {
  if (state_->archive) ::archive_write_fail(state_->archive.get());
}

Result<std::unique_ptr<Archive>> Archive::make(ArchiveFormat format, const DumpSink& sink) {
  const Utf8Locale utf8;
  auto state = std::make_unique<State>(format, sink);
  auto* a = state->archive.get();
  if (format == ArchiveFormat::kTar) {
    TRY(state->check(::archive_write_set_format_pax(a)));
    TRY(state->check(::archive_write_set_format_option(a, "pax", "xattrheader", "SCHILY")));
  } else {
    TRY(state->check(::archive_write_set_format_zip(a)));
  }
  ::archive_write_set_bytes_in_last_block(a, 1);
  TRY(state->check(::archive_write_open(a, state.get(), nullptr, State::take, nullptr)));
  return std::unique_ptr<Archive>(new Archive(std::move(state)));
}

bool Archive::takes(NodeType type) const {
  if (state_->format == ArchiveFormat::kTar) return type != NodeType::kSocket;
  return type == NodeType::kFile || type == NodeType::kDir || type == NodeType::kSymlink;
}

bool Archive::has_hard_links() const {
  return state_->format == ArchiveFormat::kTar;
}

Status Archive::begin(const std::string& name, const Node& node, const std::string& hard_link) {
  const Utf8Locale utf8;
  const auto entry = make_entry(name, node, hard_link);
  return state_->check(::archive_write_header(state_->archive.get(), entry.get()));
}

Status Archive::content(ByteView bytes) {
  while (!bytes.empty()) {
    const auto done = ::archive_write_data(state_->archive.get(), bytes.data(), bytes.size());
    if (done < 0) return state_->check(static_cast<int>(done));
    if (done == 0) return fail(ErrorKind::kCorrupt, "the content is longer than the snapshot says");
    bytes = bytes.subspan(static_cast<size_t>(done));
  }
  return {};
}

Status Archive::end_entry() {
  return state_->check(::archive_write_finish_entry(state_->archive.get()));
}

Status Archive::finish() {
  const Utf8Locale utf8;
  TRY(state_->check(::archive_write_close(state_->archive.get())));
  state_->archive.reset();
  return {};
}

}  // namespace varve::files
