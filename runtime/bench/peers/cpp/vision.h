// What the C++ peer sees: four networks on ONNX Runtime's C interface, the ring of features between them, and the boxes
// that come out. Everything is allocated once; tensors that two networks share lie in the same memory.
#pragma once

#include <dlfcn.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "onnxruntime_c_api.h"

namespace peer {

// Runtime is the library and its one environment.
struct Runtime {
  const OrtApi* api = nullptr;
  OrtEnv* env = nullptr;
  OrtMemoryInfo* memory = nullptr;

  explicit Runtime(const std::string& library) {
    void* handle = dlopen(library.c_str(), RTLD_NOW);
    if (handle == nullptr) throw std::runtime_error(dlerror());
    auto base = reinterpret_cast<const OrtApiBase* (*)()>(dlsym(handle, "OrtGetApiBase"));
    if (base == nullptr || (api = base()->GetApi(ORT_API_VERSION)) == nullptr) {
      throw std::runtime_error(library + " does not speak the version of the header");
    }
    check(api->CreateEnv(ORT_LOGGING_LEVEL_ERROR, "peer", &env));
    check(api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory));
  }

  void check(OrtStatus* status) const {
    if (status != nullptr) throw std::runtime_error(api->GetErrorMessage(status));
  }
};

// Network is one graph with its tensors.
class Network {
 public:
  using Memory = std::map<std::string, float*>;

  // memory lends tensors that other networks own.
  Network(const Runtime& rt, const cv::FileStorage& job, const std::string& name, const Memory& memory = {}) : rt_(rt) {
    OrtSessionOptions* options = nullptr;
    rt.check(rt.api->CreateSessionOptions(&options));
    rt.check(rt.api->SetIntraOpNumThreads(options, static_cast<int>(job["threads"])));
    rt.check(rt.api->SetInterOpNumThreads(options, 1));
    const char* spin = static_cast<int>(job["spin"]) != 0 ? "1" : "0";
    rt.check(rt.api->AddSessionConfigEntry(options, "session.intra_op.allow_spinning", spin));
    const std::string file = static_cast<std::string>(job["models"]) + "/" + name + ".onnx";
    rt.check(rt.api->CreateSession(rt.env, file.c_str(), options, &session_));
    rt.api->ReleaseSessionOptions(options);
    const OrtApi& a = *rt.api;
    bind(memory, inputs_, a.SessionGetInputCount, a.SessionGetInputName, a.SessionGetInputTypeInfo);
    bind(memory, outputs_, a.SessionGetOutputCount, a.SessionGetOutputName, a.SessionGetOutputTypeInfo);
  }

  float* operator[](const std::string& name) const { return tensors_.at(name).first; }
  size_t size(const std::string& name) const { return tensors_.at(name).second; }

  void run() {
    rt_.check(rt_.api->Run(session_, nullptr, inputs_.names.data(), inputs_.values.data(), inputs_.values.size(),
                           outputs_.names.data(), outputs_.names.size(), outputs_.values.data()));
  }

 private:
  struct Side {
    std::vector<const char*> names;
    std::vector<OrtValue*> values;
  };

  template <typename Count, typename Name, typename Info>
  void bind(const Memory& memory, Side& side, Count count, Name name_of, Info info_of) {
    OrtAllocator* allocator = nullptr;
    rt_.check(rt_.api->GetAllocatorWithDefaultOptions(&allocator));
    size_t n = 0;
    rt_.check(count(session_, &n));
    for (size_t i = 0; i < n; i++) {
      char* name = nullptr;
      rt_.check(name_of(session_, i, allocator, &name));
      OrtTypeInfo* info = nullptr;
      rt_.check(info_of(session_, i, &info));
      const OrtTensorTypeAndShapeInfo* tensor = nullptr;
      rt_.check(rt_.api->CastTypeInfoToTensorInfo(info, &tensor));
      size_t rank = 0;
      rt_.check(rt_.api->GetDimensionsCount(tensor, &rank));
      std::vector<int64_t> shape(rank);
      rt_.check(rt_.api->GetDimensions(tensor, shape.data(), rank));
      rt_.api->ReleaseTypeInfo(info);
      add(side, name, shape, memory);
    }
  }

  void add(Side& side, const char* name, const std::vector<int64_t>& shape, const Memory& memory) {
    size_t size = 1;
    for (int64_t d : shape) size *= d;
    float* data = nullptr;
    if (auto lent = memory.find(name); lent != memory.end()) {
      data = lent->second;
    } else {
      data = own_.emplace_back(new float[size]()).get();
    }
    OrtValue* value = nullptr;
    rt_.check(rt_.api->CreateTensorWithDataAsOrtValue(rt_.memory, data, size * sizeof(float), shape.data(),
                                                      shape.size(), ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &value));
    side.names.push_back(name);
    side.values.push_back(value);
    tensors_[name] = {data, size};
  }

  const Runtime& rt_;
  OrtSession* session_ = nullptr;
  Side inputs_, outputs_;
  std::map<std::string, std::pair<float*, size_t>> tensors_;
  std::vector<std::unique_ptr<float[]>> own_;
};

// Seen is one thing, in metres and radians in base_link.
struct Seen {
  int label, color;
  double score;
  cv::Vec3d center, size, sigma;
  double yaw;
};

// Observation is what one look says. Extents are those of the room: length, width, height, area.
struct Observation {
  uint64_t seq = 0;
  double seconds = 0;  // in the film
  std::vector<Seen> things;
  double gate = 0, extents[4] = {};
};

// Eye turns pictures into observations. Frame belongs to one thread; look may be called by any.
class Eye {
 public:
  Eye(const Runtime& rt, const cv::FileStorage& job)
      : width_(job["width"]), height_(job["height"]), cols_(job["cols"]), rows_(job["rows"]), length_(job["length"]),
        most_(job["maxDetections"]), cells_(cols_ * rows_), stride_(job["stride"]), focal_(job["focal"]),
        mount_(job["mountHeight"]), sin_(std::sin(static_cast<double>(job["pitch"]))),
        cos_(std::cos(static_cast<double>(job["pitch"]))), threshold_(job["threshold"]), scale_(job["varianceScale"]),
        labels_(static_cast<int>(job["labels"].size())), colors_(static_cast<int>(job["colors"].size())),
        stem_(rt, job, "video_stem"), semantic_(rt, job, "semantic_encoder", {{"image", stem_["image"]}}),
        mixer_(rt, job, "video_mixer"), head_(rt, job, "spatial_head", {{"generative", mixer_["generative"]}}) {
    for (const auto& name : job["families"]) families_.push_back(name);
    for (int i = 0; i < kept; i++) ring_.push_back({0, std::vector<float>(stem_.size("geometry"))});
    float* rays = head_["rays"];
    const double cell = static_cast<double>(width_) / cols_;
    for (int i = 0; i < cells_; i++) {
      const cv::Vec3d r = ray((i % cols_ + 0.5) * cell, (i / cols_ + 0.5) * cell);
      for (int k = 0; k < 3; k++) rays[k * cells_ + i] = static_cast<float>(r[k]);
      rays[3 * cells_ + i] = r[2] < 0 ? static_cast<float>(-r[2] / mount_) : 0;
    }
  }

  // frame encodes one picture. The film's lens is that of the canonical view, so that the view is the picture, smaller.
  void frame(const cv::Mat& picture, double seconds) {
    cv::resize(picture, small_, {width_, height_}, 0, 0, cv::INTER_AREA);
    cv::split(small_, planes_);
    for (int k = 0; k < 3; k++) {
      cv::Mat plane(height_, width_, CV_32F, stem_["image"] + k * width_ * height_);
      planes_[2 - k].convertTo(plane, CV_32F, 1.0 / 255);
    }
    stem_.run();
    semantic_.run();
    std::lock_guard<std::mutex> hold(mutex_);
    Entry& e = ring_[++count_ % kept];
    e.seconds = seconds;
    std::copy_n(stem_["geometry"], stem_.size("geometry"), e.geometry.begin());
    std::copy_n(semantic_["semantic"], semantic_.size("semantic"), head_["semantic"]);
  }

  // look runs the mixer and the head on the newest features. It is false before the first frame.
  bool look(const std::string& family, Observation& out) {
    std::lock_guard<std::mutex> hold(mutex_);
    if (count_ == 0) return false;
    load();
    mixer_.run();
    for (size_t i = 0; i < families_.size(); i++) head_["context"][i] = families_[i] == family ? 1 : 0;
    head_.run();
    out.seq = count_;
    out.seconds = ring_[count_ % kept].seconds;
    decode(out);
    return true;
  }

 private:
  static constexpr int kept = 26;  // frames: more than a clip's at 30 a second

  struct Entry {
    double seconds;
    std::vector<float> geometry;
  };

  struct Peak {
    int label, cell;
    float logit;
  };

  // load picks the newest frame, and for each stride back the nearest in time.
  void load() {
    const double now = ring_[count_ % kept].seconds;
    const size_t n = stem_.size("geometry");
    for (int k = 0; k < length_; k++) {
      const double want = now - (length_ - 1 - k) * stride_;
      const Entry* best = &ring_[count_ % kept];
      for (uint64_t back = 1; back < std::min<uint64_t>(count_, kept); back++) {
        const Entry& e = ring_[(count_ - back) % kept];
        if (std::abs(e.seconds - want) < std::abs(best->seconds - want)) best = &e;
      }
      std::copy_n(best->geometry.begin(), n, mixer_["ring"] + k * n);
      mixer_["times"][k] = static_cast<float>(best->seconds - now);
    }
  }

  // ray is the unit vector through a pixel of the canonical view: x forward, y left, z up.
  cv::Vec3d ray(double u, double v) const {
    const double right = (u - width_ / 2.0) / focal_, down = (v - height_ / 2.0) / focal_;
    return cv::normalize(cv::Vec3d(cos_ - down * sin_, -right, -sin_ - down * cos_));
  }

  void decode(Observation& out) {
    out.things.clear();
    find();
    for (const Peak& p : peaks_) {
      if (static_cast<int>(out.things.size()) == most_) break;
      const Seen s = read(p);
      const bool repeats = std::any_of(out.things.begin(), out.things.end(), [&](const Seen& k) {
        return overlap(k, s) > (k.label == s.label ? 0.25 : 0.5);
      });
      if (!repeats) out.things.push_back(s);
    }
    out.gate = 0;
    for (int i = 0; i < cells_; i++) out.gate += head_["gate"][i] / cells_;
    for (int i = 0; i < 4; i++) out.extents[i] = std::exp(head_["room"][i]);
  }

  // find lists the cells that exceed the threshold and their neighbours, strongest first.
  void find() {
    peaks_.clear();
    const float least = static_cast<float>(std::log(threshold_ / (1 - threshold_)));
    for (int label = 0; label < labels_; label++) {
      const float* heat = head_["heat"] + label * cells_;
      for (int c = 0; c < cells_; c++) {
        if (heat[c] >= least && tops(heat, c)) peaks_.push_back({label, c, heat[c]});
      }
    }
    std::stable_sort(peaks_.begin(), peaks_.end(), [](const Peak& a, const Peak& b) { return a.logit > b.logit; });
  }

  bool tops(const float* heat, int cell) const {
    const int x = cell % cols_, y = cell / cols_;
    for (int j = std::max(y - 1, 0); j <= std::min(y + 1, rows_ - 1); j++) {
      for (int i = std::max(x - 1, 0); i <= std::min(x + 1, cols_ - 1); i++) {
        const int at = j * cols_ + i;
        if (heat[at] > heat[cell] || (heat[at] == heat[cell] && at < cell)) return false;
      }
    }
    return true;
  }

  Seen read(const Peak& p) const {
    const int c = p.cell;
    const double cell = static_cast<double>(width_) / cols_, x = c % cols_ + 0.5, y = c / cols_ + 0.5;
    auto box = [&](int k) -> double { return head_["box"][k * cells_ + c]; };
    auto spread = [&](int k) { return std::exp(static_cast<double>(head_["box_logvar"][k * cells_ + c])); };
    const cv::Vec3d toward = ray((x + box(0)) * cell, (y + box(1)) * cell), middle = ray(x * cell, y * cell);
    const double far = std::exp(box(2)), axis = 0.5 * std::atan2(box(6), box(7));
    const bool turned = std::cos(axis) * box(9) + std::sin(axis) * box(8) < 0;

    Seen s;
    s.label = p.label;
    s.score = 1 / (1 + std::exp(-p.logit));
    s.center = toward * far + cv::Vec3d(0, 0, mount_);
    s.size = {std::exp(box(3)), std::exp(box(4)), std::exp(box(5))};
    s.yaw = std::remainder(axis + (turned ? CV_PI : 0) + std::atan2(middle[1], middle[0]), 2 * CV_PI);
    const double across = far * cell / focal_;
    const double lateral = spread(0) * static_cast<double>(scale_["center"]) * across * across;
    const double radial = spread(1) * static_cast<double>(scale_["distance"]) * far * far;
    for (int k = 0; k < 3; k++) {
      s.sigma[k] = std::sqrt(radial * toward[k] * toward[k] + lateral * (1 - toward[k] * toward[k]));
    }
    s.color = 0;
    for (int k = 1; k < colors_; k++) {
      if (head_["attributes"][k * cells_ + c] > head_["attributes"][s.color * cells_ + c]) s.color = k;
    }
    return s;
  }

  // overlap is the intersection over union of two boxes.
  static double overlap(const Seen& a, const Seen& b) {
    const double height = std::min(a.center[2] + a.size[2] / 2, b.center[2] + b.size[2] / 2) -
                          std::max(a.center[2] - a.size[2] / 2, b.center[2] - b.size[2] / 2);
    std::vector<cv::Point2f> corners;
    if (height <= 0 || cv::rotatedRectangleIntersection(floor(a), floor(b), corners) == cv::INTERSECT_NONE) return 0;
    std::vector<cv::Point2f> hull;
    cv::convexHull(corners, hull);
    const double shared = cv::contourArea(hull) * height;
    return shared / (a.size[0] * a.size[1] * a.size[2] + b.size[0] * b.size[1] * b.size[2] - shared);
  }

  static cv::RotatedRect floor(const Seen& s) {
    return {cv::Point2f(s.center[0], s.center[1]), cv::Size2f(s.size[0], s.size[1]),
            static_cast<float>(s.yaw * 180 / CV_PI)};
  }

  const int width_, height_, cols_, rows_, length_, most_, cells_;
  const double stride_, focal_, mount_, sin_, cos_, threshold_;
  const cv::FileNode scale_;
  const int labels_, colors_;
  Network stem_, semantic_, mixer_, head_;
  std::vector<std::string> families_;
  cv::Mat small_;
  std::vector<cv::Mat> planes_;
  std::mutex mutex_;  // of the ring, the mixer and the head
  std::vector<Entry> ring_;
  std::vector<Peak> peaks_;
  uint64_t count_ = 0;
};

}  // namespace peer
