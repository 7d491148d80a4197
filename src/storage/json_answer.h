#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "net/http.h"

namespace varve::storage {

using Json = nlohmann::json;

/// The body of an answer; a discarded value where it is no JSON. Only for .cc files.
inline Json json_in(const net::Response& response) {
  return Json::parse(response.body.begin(), response.body.end(), nullptr, false);
}

/// A text of an object; empty where there is none.
inline std::string text_at(const Json& json, const char* name) {
  if (!json.is_object()) return "";
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace varve::storage
