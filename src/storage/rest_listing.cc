#include "storage/rest_listing.h"

#include <nlohmann/json.hpp>

#include "storage/layout.h"

namespace varve::storage {

namespace {

using Json = nlohmann::json;

/// Each method is told one thing of the text, and gives whether to read on: until it is seen that this is no array.
class Reader final : public nlohmann::json_sax<Json> {
 public:
  RestListing listing;

  bool null() override { return other(); }
  bool boolean(bool) override { return other(); }
  bool number_integer(Json::number_integer_t) override { return other(); }
  bool number_float(Json::number_float_t, const Json::string_t&) override { return other(); }
  bool binary(Json::binary_t&) override { return other(); }
  bool number_unsigned(Json::number_unsigned_t number) override {
    if (depth_ != kFile || key_ != "size") return other();
    size_ = number;
    return true;
  }
  bool string(Json::string_t& text) override {
    if (depth_ == kArray) return take(text, std::nullopt);
    if (depth_ != kFile || key_ != "name") return other();
    name_ = std::move(text);
    return true;
  }
  bool key(Json::string_t& text) override {
    if (depth_ == kFile) key_ = std::move(text);
    return true;
  }
  bool start_object(size_t) override {
    if (depth_ > kArray) (void)other();
    if (depth_ == kArray) {
      name_.reset();
      size_.reset();
    }
    return depth_++ > 0;
  }
  bool end_object() override {
    if (--depth_ != kArray) return true;
    if (name_ && size_) return take(*name_, size_);
    listing.complete = false;
    return true;
  }
  bool start_array(size_t) override {
    if (depth_ > 0) (void)other();
    ++depth_;
    return true;
  }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  static constexpr size_t kArray = 1, kFile = 2;  // how deep their content is

  bool take(const std::string& name, std::optional<uint64_t> size) {
    if (const auto id = id_of_name(name)) listing.files.push_back({*id, size});
    return true;
  }
  /// What is no file, or in one neither its name nor its size.
  bool other() {
    if (depth_ == kArray) listing.complete = false;
    if (depth_ == kFile && key_ == "name") name_.reset();
    if (depth_ == kFile && key_ == "size") size_.reset();
    return depth_ > 0;
  }

  size_t depth_ = 0;
  std::string key_;
  std::optional<std::string> name_;
  std::optional<uint64_t> size_;
};

}  // namespace

std::optional<RestListing> parse_rest_listing(ByteView json) {
  Reader reader;
  if (!Json::sax_parse(json.begin(), json.end(), &reader)) return std::nullopt;
  return std::move(reader.listing);
}

}  // namespace varve::storage
