#include "executors/rendezvous.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "base/error.h"

namespace omni {

Grouping all_together() { return at_most(SIZE_MAX); }

Grouping at_most(size_t members) {
  return [members](size_t count) {
    std::vector<size_t> chosen(std::min(count, members));
    std::iota(chosen.begin(), chosen.end(), size_t{0});
    return chosen;
  };
}

Grouping drawn_from(uint64_t seed) {
  return [key = Key::of(seed).fold("grouping"), asked = uint64_t{0}](size_t count) mutable {
    const Key turn = key.fold(++asked);
    const std::vector<int32_t> order = permutation(turn, static_cast<int64_t>(count));
    return std::vector<size_t>(order.begin(),
                               order.begin() + 1 + Stream(turn.fold("size")).below(count));
  };
}

// Slots that members' models are in.
struct Rendezvous::Open {
  SessionSpec spec;
  uint64_t print = 0;
  std::unique_ptr<Slots> slots;
  std::exception_ptr broken = nullptr;
};

// A model in its slots, which it leaves before they go.
struct Rendezvous::Place {
  std::shared_ptr<Open> open = nullptr;
  std::unique_ptr<Session> model = nullptr;
};

// What a thread waits for.
struct Rendezvous::Call {
  MemberHere& member;
  int64_t since = 0, number = 0;  // the turn of which it waits for the next, the member's number
  Place& place;
  const SessionSpec* spec = nullptr;  // to be opened there; or
  bool is_rounds = false;             // to be made by the model that is there:
  std::vector<Turn> turns = {};       // of runs: one
  int64_t left = 0;                   // runs or rounds
  bool is_whole = false;              // not to be cut: what is fed is gone after a call

  bool done = false;
  std::exception_ptr error = nullptr;
  std::condition_variable wake = {};

  int64_t made() const {  // so far, by the model
    const Standing& at = place.model->standing();
    return is_rounds ? at.round : at.programs[static_cast<size_t>(turns[0].program)].runs;
  }
  bool may_join(const Call& other) const {
    const auto same = [](const Turn& a, const Turn& b) {
      return a.program == b.program && a.every == b.every && a.runs == b.runs;
    };
    return !spec && !other.spec && place.open == other.place.open && is_rounds == other.is_rounds &&
           std::ranges::equal(turns, other.turns, same) &&
           (!is_whole || left == other.left) &&
           stand_alike(place.open->spec, place.model->standing(), other.place.model->standing(),
                       turns);
  }
};

class Rendezvous::MemberHere final : public Member {
 public:
  explicit MemberHere(Rendezvous& r) : r(r) {
    const std::lock_guard lock(r.mutex_);
    ++r.running_;
  }
  ~MemberHere() override {
    const std::lock_guard lock(r.mutex_);
    r.end_to_compute(*this);
    --r.running_;
    if (r.running_ == 0 && !r.waiting_.empty()) r.waiting_.front()->wake.notify_one();
  }
  void begin(int64_t n) override {
    number = n;
    std::unique_lock lock(r.mutex_);
    r.begin_to_compute(lock, *this);
  }
  std::unique_ptr<Executor> executor() override;

  Rendezvous& r;
  int64_t number = 0;
  bool computes = false;
};

class Rendezvous::SessionHere final : public Session {
 public:
  // `place` is a list of one.
  SessionHere(MemberHere& member, std::list<Place> place)
      : member_(member), place_(std::move(place)), model_(*place_.front().model) {}
  ~SessionHere() override {
    const std::lock_guard lock(member_.r.mutex_);
    member_.r.closed_.splice(member_.r.closed_.end(), place_);
  }

  void write(const std::string& input, std::span<const float> values) override {
    started_ = false;
    model_.write(input, values);
  }
  void zero(const std::string& input, int64_t count) override {
    started_ = false;
    model_.zero(input, count);
  }
  void lend(const std::string& input, std::span<const float> values) override {
    started_ = false;
    model_.lend(input, values);
  }
  void table(const std::string& name, const Table& t) override {
    started_ = false;
    model_.table(name, t);
  }
  void start(ModelStart start) override {
    started_ = false;
    model_.start(std::move(start));
    started_ = true;
  }

  void run(int program, int64_t runs) override { post(false, {Turn{program}}, runs); }
  void end_round() override { model_.end_round(); }
  void rounds(std::span<const Turn> turns, int64_t count) override {
    post(true, {turns.begin(), turns.end()}, count);
  }

  std::vector<float> take_log(int program) override { return model_.take_log(program); }
  const Standing& standing() const override { return model_.standing(); }
  std::span<const float> read(const std::string& input) const override {
    return model_.read(input);
  }

 private:
  std::span<const std::byte> result_bytes(int program, const std::string& name,
                                          DType type) const override {
    if (type == DType::f32) return std::as_bytes(model_.result(program, name));
    return std::as_bytes(model_.result<int32_t>(program, name));
  }
  std::span<std::byte> feed_bytes(int program, const std::string& input, DType type) override {
    if (type == DType::f32) return std::as_writable_bytes(model_.feed<float>(program, input));
    if (type == DType::i32) return std::as_writable_bytes(model_.feed<int32_t>(program, input));
    return std::as_writable_bytes(model_.feed<uint8_t>(program, input));
  }

  // What is wrong with this model alone is found before others run with it.
  void post(bool is_rounds, std::vector<Turn> turns, int64_t count) {
    const SessionSpec& spec = place_.front().open->spec;
    check(started_, "the session was not started with what it was given");
    for (const Turn& t : turns)
      check(t.program >= 0 && t.program < std::ssize(spec.programs), "there is no program {}",
            t.program);
    if (count <= 0) return;
    const bool is_fed =
        !is_rounds && !spec.programs[static_cast<size_t>(turns[0].program)].fed.empty();
    Call call{.member = member_,
              .place = place_.front(),
              .is_rounds = is_rounds,
              .turns = std::move(turns),
              .left = count,
              .is_whole = is_fed};
    member_.r.post(call);
  }

  MemberHere& member_;
  std::list<Place> place_;
  Session& model_;
  bool started_ = false;
};

class Rendezvous::ExecutorHere final : public Executor {
 public:
  explicit ExecutorHere(MemberHere& member) : member_(member) {}
  std::unique_ptr<Session> open(SessionSpec spec) override {
    std::list<Place> place(1);
    Call call{.member = member_, .place = place.front(), .spec = &spec};
    member_.r.post(call);
    return std::make_unique<SessionHere>(member_, std::move(place));
  }
  std::string numerics() const override { return member_.r.executor_.numerics(); }

 private:
  MemberHere& member_;
};

std::unique_ptr<Executor> Rendezvous::MemberHere::executor() {
  return std::make_unique<ExecutorHere>(*this);
}

Rendezvous::Rendezvous(SlotExecutor& executor, Options options)
    : executor_(executor), options_(std::move(options)) {}
Rendezvous::~Rendezvous() = default;

std::unique_ptr<Rendezvous::Member> Rendezvous::join() {
  return std::make_unique<MemberHere>(*this);
}

void Rendezvous::begin_to_compute(std::unique_lock<std::mutex>& lock, MemberHere& member) {
  if (member.computes) return;
  core_is_free_.wait(lock, [&] { return computing_ < options_.most_computing; });
  ++computing_;
  member.computes = true;
}

void Rendezvous::end_to_compute(MemberHere& member) {
  if (!member.computes) return;
  --computing_;
  member.computes = false;
  core_is_free_.notify_one();
}

void Rendezvous::post(Call& call) {
  std::unique_lock lock(mutex_);
  call.number = call.member.number;
  call.since = turn_;
  waiting_.push_back(&call);
  end_to_compute(call.member);
  --running_;
  while (!call.done) {
    if (running_ > 0 || in_turn_) {
      call.wake.wait(lock);
      continue;
    }
    try {
      take_turn(lock);
    } catch (...) {  // nobody is chosen: it is the caller's, and the next one tries again
      call.error = std::current_exception();
      waiting_.remove(&call);
      finish(call);
    }
  }
  begin_to_compute(lock, call.member);
  if (call.error) std::rethrow_exception(call.error);
}

// Sessions to be opened, or the group of the oldest call.
std::vector<Rendezvous::Call*> Rendezvous::choose() const {
  std::vector<Call*> calls;
  std::ranges::copy_if(waiting_, std::back_inserter(calls), [](const Call* c) { return c->spec; });
  if (!calls.empty()) return calls;
  std::ranges::copy_if(waiting_, std::back_inserter(calls),
                       [&](const Call* c) { return c->may_join(*waiting_.front()); });
  std::vector<Call*> chosen;
  for (const size_t place : options_.grouping(calls.size())) chosen.push_back(calls.at(place));
  check(!chosen.empty(), "a grouping that lets nobody run");
  return chosen;
}

void Rendezvous::take_turn(std::unique_lock<std::mutex>& lock) {
  waiting_.sort([](const Call* a, const Call* b) {
    return std::pair(a->since, a->number) < std::pair(b->since, b->number);
  });
  const std::vector<Call*> chosen = choose();
  std::list<Call*> going;
  for (Call* c : chosen) going.splice(going.end(), waiting_, std::ranges::find(waiting_, c));
  std::list<Place> closed = std::exchange(closed_, {});
  ++turn_;
  in_turn_ = true;
  lock.unlock();
  closed.clear();
  if (chosen.front()->spec)
    for (Call* c : chosen) open(*c);
  else
    run(chosen);
  std::erase_if(open_, [](const auto& o) { return o.use_count() == 1; });
  lock.lock();
  in_turn_ = false;
  for (Call* c : chosen) {
    if (c->left == 0 || c->error)
      finish(*c);
    else
      c->since = turn_;
  }
  going.remove_if([](const Call* c) { return c->done; });
  waiting_.splice(waiting_.end(), going);
}

void Rendezvous::finish(Call& call) {
  call.done = true;
  ++running_;
  call.wake.notify_one();
}

void Rendezvous::open(Call& call) {
  try {
    const uint64_t print = fingerprint(*call.spec);
    const auto has_room = [&](const auto& o) {
      return o->print == print && !o->broken && o->slots->free() > 0;
    };
    auto it = std::ranges::find_if(open_, has_room);
    if (it == open_.end()) {
      const int slots = executor_.most_slots(*call.spec);
      auto made = std::make_shared<Open>(Open{*call.spec, print, nullptr});
      made->slots = executor_.open_slots(*call.spec, slots);
      it = open_.insert(open_.end(), std::move(made));
    }
    call.place.model = (*it)->slots->admit();
    call.place.open = *it;
  } catch (...) {
    call.error = std::current_exception();
  }
}

void Rendezvous::run(const std::vector<Call*>& calls) {
  Open& o = *calls[0]->place.open;
  Meeting meeting{calls[0]->is_rounds ? -1 : calls[0]->turns[0].program, calls[0]->left, {}};
  for (const Call* c : calls) meeting.count = std::min(meeting.count, c->left);
  // Members look at whether to stop or to save between calls, so these last no longer than alone.
  const int64_t times = (std::ssize(calls) - 1) / executor_.models_at_once() + 1;
  if (!calls[0]->is_whole) meeting.count = std::max<int64_t>(1, meeting.count / times);
  try {
    if (o.broken) std::rethrow_exception(o.broken);
    std::vector<Session*> models;
    std::vector<int64_t> before;
    for (const Call* c : calls) {
      meeting.members.push_back(c->number);
      models.push_back(c->place.model.get());
      before.push_back(c->made());
    }
    if (options_.met) options_.met(meeting);
    if (calls[0]->is_rounds)
      o.slots->rounds(models, calls[0]->turns, meeting.count);
    else
      o.slots->run(models, meeting.program, meeting.count);
    for (size_t i = 0; i < calls.size(); ++i) {
      const bool moves = calls[i]->made() - before[i] == meeting.count;
      calls[i]->left = moves ? calls[i]->left - meeting.count : 0;
    }
  } catch (...) {
    o.broken = std::current_exception();
    for (Call* c : calls) c->error = o.broken;
  }
}

}  // namespace omni
