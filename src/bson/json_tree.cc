#include "bson/json_tree.h"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

namespace varve::bson {

namespace {

/// As deep as validate() allows a document; deeper, hostile text could use up the stack.
constexpr size_t kMaxDepth = 200;
/// Each takes a hundred bytes and more, however few characters it has.
constexpr size_t kMostValues = 1'000'000;

/// Takes the parser's events and grows the tree, the innermost value that is still open on top.
class TreeMaker final : public nlohmann::json_sax<nlohmann::json> {
 public:
  using Kind = JsonValue::Kind;

  bool null() override { return put({}); }
  bool boolean(bool value) override { return put({.kind = Kind::kBool, .boolean = value}); }
  bool number_integer(int64_t value) override { return put({.kind = Kind::kInteger, .integer = value}); }
  bool number_unsigned(uint64_t value) override {
    if (value <= INT64_MAX) return number_integer(static_cast<int64_t>(value));
    return put({.kind = Kind::kDouble, .number = static_cast<double>(value)});
  }
  bool number_float(double value, const std::string&) override { return put({.kind = Kind::kDouble, .number = value}); }
  bool string(std::string& value) override { return put({.kind = Kind::kString, .text = std::move(value)}); }
  bool binary(nlohmann::json::binary_t&) override { return false; }
  bool start_object(size_t) override { return open(Kind::kObject); }
  bool start_array(size_t) override { return open(Kind::kArray); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& name) override {
    if (name.find('\0') != std::string::npos) return refuse("a key holds a zero byte");
    name_ = std::move(name);
    return true;
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception&) override {
    return refuse(fmt::format("it is not JSON at byte {}", position));
  }

  Result<JsonValue> take() {
    if (!why_.empty()) return fail(ErrorKind::kCorrupt, why_);
    return std::move(root_);
  }

 private:
  bool refuse(std::string why) {
    if (why_.empty()) why_ = std::move(why);
    return false;
  }

  JsonValue& place(JsonValue value) {
    if (open_.empty()) return root_ = std::move(value);
    return open_.back()->fields.emplace_back(std::exchange(name_, {}), std::move(value)).second;
  }
  bool is_too_many() { return ++values_ > kMostValues; }
  bool put(JsonValue value) {
    if (is_too_many()) return refuse("it holds too many values");
    place(std::move(value));
    return true;
  }
  bool open(Kind kind) {
    if (open_.size() == kMaxDepth) return refuse("it is nested deeper than a document can be");
    if (is_too_many()) return refuse("it holds too many values");
    open_.push_back(&place({.kind = kind}));  // a parent does not grow while a child is open
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  JsonValue root_;
  std::vector<JsonValue*> open_;
  std::string name_, why_;
  size_t values_ = 0;
};

}  // namespace

const JsonValue* JsonValue::field(std::string_view name) const {
  for (const auto& [key, value] : fields) {
    if (key == name && kind == Kind::kObject) return &value;
  }
  return nullptr;
}

Result<JsonValue> parse_json(std::string_view text) {
  TreeMaker maker;
  nlohmann::json::sax_parse(text, &maker);
  return maker.take();
}

}  // namespace varve::bson
