// The C++ peer: peer JOB.json watches a film, publishes every observation and counts what it is asked for. It is
// vegad's job in the least code that does it, with OpenCV, the C interface of ONNX Runtime and libmosquitto.
#include <mosquitto.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <fstream>
#include <iostream>
#include <thread>

#include <opencv2/videoio.hpp>

#include "vision.h"

namespace {

using Clock = std::chrono::system_clock;

// Picture is a frame of the film and its time there.
struct Picture {
  cv::Mat pixels;
  double seconds = 0;
};

// Reader decodes ahead of the networks, by two pictures at most.
class Reader {
 public:
  Reader(const std::string& film, bool paced) : capture_(film, cv::CAP_FFMPEG), paced_(paced) {
    if (!capture_.isOpened()) throw std::runtime_error(film + " is no film that can be opened");
    thread_ = std::thread([this] { run(); });
  }
  ~Reader() {
    end();
    thread_.join();
  }

  // next is false at the end of the film. The picture's old memory is used again.
  bool next(Picture& picture) {
    std::unique_lock<std::mutex> hold(mutex_);
    changed_.wait(hold, [&] { return !ready_.empty() || ended_; });
    if (ready_.empty()) return false;
    std::swap(picture, ready_.front());
    spare_.push_back(std::move(ready_.front()));
    ready_.pop_front();
    changed_.notify_all();
    return true;
  }

 private:
  void run() {
    const auto begun = std::chrono::steady_clock::now();
    const double gap = 1 / capture_.get(cv::CAP_PROP_FPS);
    for (double last = -1;;) {
      Picture p = take();
      if (!capture_.read(p.pixels)) break;
      p.seconds = capture_.get(cv::CAP_PROP_POS_MSEC) / 1000;
      if (p.seconds <= last) p.seconds = last + gap;  // FFmpeg gives the last pictures no time
      last = p.seconds;
      if (paced_) std::this_thread::sleep_until(begun + std::chrono::duration<double>(p.seconds));
      std::unique_lock<std::mutex> hold(mutex_);
      changed_.wait(hold, [&] { return ready_.size() < 2 || ended_; });
      if (ended_) return;
      ready_.push_back(std::move(p));
      changed_.notify_all();
    }
    end();
  }

  void end() {
    std::lock_guard<std::mutex> hold(mutex_);
    ended_ = true;
    changed_.notify_all();
  }

  Picture take() {
    std::lock_guard<std::mutex> hold(mutex_);
    if (spare_.empty()) return {};
    Picture p = std::move(spare_.back());
    spare_.pop_back();
    return p;
  }

  cv::VideoCapture capture_;
  const bool paced_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Picture> ready_;
  std::vector<Picture> spare_;
  bool ended_ = false;
  std::thread thread_;
};

// Writer makes the messages.
class Writer {
 public:
  explicit Writer(const cv::FileStorage& job) : opened_(Clock::now()) {
    for (const auto& name : job["labels"]) labels_.push_back(name);
    for (const auto& name : job["colors"]) colors_.push_back(name);
  }

  std::string scene(const peer::Observation& o) const {
    std::string text = "{\"seq\":" + std::to_string(o.seq) + ",\"captureTime\":\"" + time(o.seconds) + "\"";
    text += ",\"objects\":[";
    for (const auto& s : o.things) {
      if (text.back() == '}') text += ',';
      text += "{\"label\":\"" + labels_[s.label] + "\",\"color\":\"" + colors_[s.color] + "\",\"score\":" +
              number(s.score) + ",\"box\":{\"center\":" + vector(s.center) + ",\"size\":" + vector(s.size) +
              ",\"yaw\":" + number(s.yaw) + "},\"sigma\":" + vector(s.sigma) + "}";
    }
    const double* e = o.extents;
    return text + "],\"room\":{\"length\":" + number(e[0]) + ",\"width\":" + number(e[1]) + ",\"height\":" +
           number(e[2]) + ",\"area\":" + number(e[3]) + "},\"gate\":" + number(o.gate) + "}";
  }

  std::string count(const std::string& id, const std::string& label, const peer::Observation& o, bool seen) const {
    const auto counts = [&](const auto& s) { return labels_[s.label] == label; };
    const auto n = std::count_if(o.things.begin(), o.things.end(), counts);
    const std::string head = "{\"requestId\":\"" + id + "\",\"status\":";
    if (!seen) return head + "\"abstained\",\"reason\":\"nothing has been seen yet\"}";
    return head + "\"answered\",\"answer\":{\"value\":" + std::to_string(n) + "},\"captureTime\":\"" +
           time(o.seconds) + "\"}";
  }

 private:
  static std::string number(double x) {
    char text[32];
    return {text, static_cast<size_t>(std::snprintf(text, sizeof text, "%.4f", x))};
  }

  static std::string vector(const cv::Vec3d& v) {
    return "{\"x\":" + number(v[0]) + ",\"y\":" + number(v[1]) + ",\"z\":" + number(v[2]) + "}";
  }

  // time is when the film was opened plus the time in it.
  std::string time(double seconds) const {
    const auto at = opened_.time_since_epoch() + std::chrono::duration<double>(seconds);
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(at);
    const std::time_t whole = ms.count() / 1000;
    std::tm utc{};
    gmtime_r(&whole, &utc);
    char text[40];
    const size_t n = std::strftime(text, sizeof text, "%FT%T", &utc);
    std::snprintf(text + n, sizeof text - n, ".%03dZ", static_cast<int>(ms.count() % 1000));
    return text;
  }

  const Clock::time_point opened_;
  std::vector<std::string> labels_, colors_;
};

// Link is the connection to the broker; questions are answered in its thread.
class Link {
 public:
  Link(const cv::FileStorage& job, peer::Eye& eye, const Writer& writer)
      : prefix_(job["topic"]), eye_(eye), writer_(writer) {
    mosquitto_lib_init();
    client_ = mosquitto_new("peer", true, this);
    mosquitto_int_option(client_, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_connect_callback_set(client_, [](mosquitto* m, void* self, int) {
      mosquitto_subscribe(m, nullptr, (static_cast<Link*>(self)->prefix_ + "ask").c_str(), 1);
    });
    mosquitto_message_callback_set(client_, [](mosquitto*, void* self, const mosquitto_message* m) {
      static_cast<Link*>(self)->answer({static_cast<const char*>(m->payload), static_cast<size_t>(m->payloadlen)});
    });
    mosquitto_publish_callback_set(client_, [](mosquitto*, void* self, int) { static_cast<Link*>(self)->owed_--; });
    const std::string host = job["host"];
    if (mosquitto_connect(client_, host.c_str(), static_cast<int>(job["port"]), 15) != MOSQ_ERR_SUCCESS ||
        mosquitto_loop_start(client_) != MOSQ_ERR_SUCCESS) {
      throw std::runtime_error("the broker cannot be reached");
    }
  }

  // The last messages are waited for.
  ~Link() {
    for (int i = 0; i < 500 && owed_ > 0; i++) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    mosquitto_disconnect(client_);
    mosquitto_loop_stop(client_, false);
    mosquitto_destroy(client_);
  }

  void publish(const std::string& topic, const std::string& text) {
    owed_++;
    const int size = static_cast<int>(text.size());
    const int rc = mosquitto_publish(client_, nullptr, (prefix_ + topic).c_str(), size, text.data(), 1, false);
    if (rc != MOSQ_ERR_SUCCESS) throw std::runtime_error(mosquitto_strerror(rc));
  }

 private:
  void answer(const std::string& text) {
    try {
      const cv::FileStorage ask(text, cv::FileStorage::READ | cv::FileStorage::MEMORY | cv::FileStorage::FORMAT_JSON);
      const std::string id = ask["requestId"], label = ask["query"]["target"]["label"];
      if (id.empty()) throw std::runtime_error("it has no requestId");
      const bool seen = eye_.look("count", answered_);
      publish("answer/" + id, writer_.count(id, label, answered_, seen));
    } catch (const std::exception& e) {
      std::cerr << "a question was not answered: " << e.what() << '\n';
    }
  }

  const std::string prefix_;
  peer::Eye& eye_;
  const Writer& writer_;
  peer::Observation answered_;
  std::atomic<int> owed_{0};
  mosquitto* client_ = nullptr;
};

void watch(const std::string& path) {
  const cv::FileStorage job(path, cv::FileStorage::READ | cv::FileStorage::FORMAT_JSON);
  cv::setNumThreads(1);  // the networks have the cores
  const std::string dump = job["dump"];
  const peer::Runtime rt(job["library"]);
  peer::Eye eye(rt, job);
  const Writer writer(job);
  std::ofstream file;
  std::unique_ptr<Link> link;
  if (dump.empty()) {
    link = std::make_unique<Link>(job, eye, writer);
  } else {
    file.open(dump);
  }
  Reader reader(job["film"], static_cast<int>(job["paced"]) != 0);
  Picture picture;
  peer::Observation o;
  while (reader.next(picture)) {
    eye.frame(picture.pixels, picture.seconds);
    eye.look("observe", o);
    if (link) {
      link->publish("scene", writer.scene(o));
    } else {
      file << writer.scene(o) << '\n';
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--version") {
    std::cout << "OpenCV " << CV_VERSION << ", libmosquitto " << LIBMOSQUITTO_MAJOR << '.' << LIBMOSQUITTO_MINOR << '.'
              << LIBMOSQUITTO_REVISION << ", C++ " << __VERSION__ << '\n';
    return 0;
  }
  if (argc != 2) {
    std::cerr << "usage: peer JOB.json\n";
    return 2;
  }
  try {
    watch(argv[1]);
    return 0;
  } catch (const std::exception& e) {
    std::cerr << "peer: " << e.what() << '\n';
    return 1;
  }
}
