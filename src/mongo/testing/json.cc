#include "mongo/testing/json.h"

#include <stdexcept>

#include <bson/bson.h>

namespace varve::mongo::testing {

bson::Document from_json(const std::string& text) {
  bson_error_t error;
  bson_t* parsed =
      bson_new_from_json(reinterpret_cast<const uint8_t*>(text.data()), static_cast<ssize_t>(text.size()), &error);
  if (parsed == nullptr) throw std::runtime_error(text + ": " + error.message);
  bson::Document document(ByteView(bson_get_data(parsed), parsed->len));
  bson_destroy(parsed);
  return document;
}

}  // namespace varve::mongo::testing
