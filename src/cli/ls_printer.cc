#include "cli/ls_printer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include <fmt/format.h>

#include "cli/node_format.h"
#include "cli/snapshot_json.h"
#include "files/restore_metadata.h"
#include "repo/json_object.h"
#include "repo/node_type.h"

namespace varve::cli {

namespace {

using repo::Node;
using repo::NodeType;

class TextPrinter final : public LsPrinter {
 public:
  TextPrinter(Output& output, LsStyle style) : output_(output), style_(std::move(style)) {}

  void begin(const repo::Snapshot& snapshot) override {
    if (style_.quiet) return;
    output_.line(fmt::format("snapshot {} of [{}] at {} by {}@{} filtered by [{}]:", snapshot.id.short_hex(),
                             fmt::join(snapshot.paths, " "), format_utc(snapshot.time), snapshot.username,
                             snapshot.hostname, style_.filter));
  }
  void node(const std::string& path, const Node& node) override {
    output_.row(node_line(path, node, style_.details, style_.human));
  }

 private:
  Output& output_;
  const LsStyle style_;
};

class JsonPrinter final : public LsPrinter {
 public:
  explicit JsonPrinter(Output& output) : output_(output) {}

  void begin(const repo::Snapshot& snapshot) override {
    auto head = snapshot_json(snapshot);
    head["message_type"] = head["struct_type"] = "snapshot";
    output_.object(head);
  }
  void node(const std::string& path, const Node& node) override { output_.raw(ls_node_json(path, node) + "\n"); }

 private:
  Output& output_;
};

/// Nested lists, one a folder: https://dev.yorhel.nl/ncdu/jsonfmt
class NcduPrinter final : public LsPrinter {
 public:
  explicit NcduPrinter(Output& output) : output_(output) {}

  void begin(const repo::Snapshot& snapshot) override {
    output_.raw("[1, 2, " + repo::encode_snapshot(snapshot) + ", [{\"name\":\"/\"}");
  }
  void node(const std::string&, const Node& node) override {
    const bool is_folder = node.type == NodeType::kDir;
    output_.raw(",\n" + indent() + (is_folder ? "[\n" + indent() + "  " : "") + json(node));
    if (is_folder) ++depth_;
  }
  void passed(const std::string& path, const Node& entry) override { node(path, entry); }
  void leave() override {
    --depth_;
    output_.raw("\n" + indent() + "]");
  }
  void end() override { output_.raw("\n]\n]\n"); }

 private:
  std::string indent() const { return std::string(2 * depth_, ' '); }

  static std::string json(const Node& node) {
    constexpr uint64_t kBlock = 512;
    const uint64_t size = node.type == NodeType::kFile ? node.size : 0;
    const auto seconds = std::chrono::floor<std::chrono::seconds>(node.mtime).time_since_epoch().count();
    std::string out;
    repo::JsonObject object(out);
    object.string("name", node.name);
    object.number("asize", size);
    object.number("dsize", (size + kBlock - 1) / kBlock * kBlock);
    object.number("dev", node.device_id);
    object.number("ino", node.inode);
    object.number("nlink", node.links);
    object.boolean("notreg", node.type != NodeType::kFile && node.type != NodeType::kDir);
    object.number("uid", node.uid);
    object.number("gid", node.gid);
    object.number("mode", files::permissions_of(node));
    object.number("mtime", seconds < 0 ? 0 : static_cast<uint64_t>(seconds));
    object.close();
    return out;
  }

  Output& output_;
  size_t depth_ = 1;
};

/// Collects everything, and hands it on in order.
class SortedPrinter final : public LsPrinter {
 public:
  SortedPrinter(std::unique_ptr<LsPrinter> printer, std::string by, bool reverse)
      : printer_(std::move(printer)), by_(std::move(by)), reverse_(reverse) {}

  void begin(const repo::Snapshot& snapshot) override { printer_->begin(snapshot); }
  void node(const std::string& path, const Node& node) override {
    entries_.push_back({path, node});
    entries_.back().node.content = {};
  }
  void end() override {
    if (by_ != "name") {
      std::ranges::stable_sort(entries_, [&](const Entry& a, const Entry& b) { return is_before(a, b); });
    }
    if (reverse_) std::ranges::reverse(entries_);
    for (const auto& entry : entries_) printer_->node(entry.path, entry.node);
    printer_->end();
  }

 private:
  struct Entry {
    std::string path;
    Node node;
  };

  bool is_before(const Entry& a, const Entry& b) const {
    const auto ordered = [&](const auto& x, const auto& y) { return std::tie(x, a.path) < std::tie(y, b.path); };
    if (by_ == "size") return ordered(size_of(a.node), size_of(b.node));
    if (by_ == "atime") return ordered(a.node.atime, b.node.atime);
    if (by_ == "ctime") return ordered(a.node.ctime, b.node.ctime);
    if (by_ == "extension") return ordered(extension_of(a.node.name), extension_of(b.node.name));
    return ordered(a.node.mtime, b.node.mtime);
  }
  static uint64_t size_of(const Node& node) { return node.type == NodeType::kFile ? node.size : 0; }
  static std::string extension_of(const std::string& name) {
    const auto dot = name.rfind('.');
    return dot == std::string::npos ? "" : name.substr(dot);
  }

  const std::unique_ptr<LsPrinter> printer_;
  const std::string by_;
  const bool reverse_;
  std::vector<Entry> entries_;
};

}  // namespace

Result<std::unique_ptr<LsPrinter>> make_ls_printer(Output& output, const LsStyle& style) {
  constexpr std::array kOrders = {"name", "size", "time", "mtime", "atime", "ctime", "extension"};
  if (std::ranges::find(kOrders, style.sort) == kOrders.end()) {
    return fail(Error(ErrorKind::kInvalidInput, "nothing is sorted by \"" + style.sort + "\"")
                    .hint("name, size, time (the same as mtime), atime, ctime and extension are known"));
  }
  const bool sorted = style.sort != "name" || style.reverse;
  if (style.ncdu && (sorted || output.json())) {
    return fail(ErrorKind::kInvalidInput, "--ncdu cannot be given together with --json, --sort or --reverse");
  }
  std::unique_ptr<LsPrinter> printer;
  if (style.ncdu) {
    printer = std::make_unique<NcduPrinter>(output);
  } else if (output.json()) {
    printer = std::make_unique<JsonPrinter>(output);
  } else {
    printer = std::make_unique<TextPrinter>(output, style);
  }
  if (sorted) printer = std::make_unique<SortedPrinter>(std::move(printer), style.sort, style.reverse);
  return printer;
}

}  // namespace varve::cli
