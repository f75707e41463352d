// What a page does by itself: steps or seconds, the values under the pointer, reading itself again while the run lives,
// and saying so when it has not been written for too long. Without it the page is whole, but still.

enum PageScript {
  /// Plain JavaScript; the policy of the page allows this text and no other.
  static let text = #"""
    "use strict";
    (() => {
      const root = document.documentElement;
      const data = JSON.parse(document.getElementById("data").textContent);
      const memory = {
        get(key) { try { return sessionStorage.getItem(location.pathname + key); } catch { return null; } },
        set(key, value) { try { sessionStorage.setItem(location.pathname + key, value); } catch {} },
      };
      root.classList.add("js");

      // Steps or seconds.
      const choose = (axis) => {
        document.body.dataset.axis = axis;
        for (const button of document.querySelectorAll(".choice button"))
          button.setAttribute("aria-pressed", button.value === axis);
      };
      for (const button of document.querySelectorAll(".choice button"))
        button.onclick = () => { choose(button.value); memory.set("axis", button.value); };
      choose(memory.get("axis") === "seconds" ? "seconds" : "step");
      for (const choice of document.querySelectorAll(".choice")) choice.hidden = false;

      // Times of the reader's own clock.
      for (const time of document.querySelectorAll("time"))
        time.textContent = new Date(time.dateTime).toLocaleString("sv-SE");

      // A bucket: [count, loss sum, tokens, seconds, lr, gradient norm, step, loss, seconds, step, …].
      const fixed = (value, digits) => value.toFixed(digits);
      const grouped = (value) => Math.round(value).toLocaleString("en-US");
      const losses = (bucket) => bucket.filter((_, i) => i > 6 && i % 3 === 1);
      const firstStep = (bucket) => bucket[6], lastStep = (bucket) => bucket[bucket.length - 3];
      const at = { step: lastStep, seconds: (bucket) => bucket[bucket.length - 1] };
      const duration = (s) => s < 60 ? fixed(s, s < 10 ? 2 : 1) + " s" : s < 3600
        ? Math.floor(s / 60) + "m " + String(Math.floor(s % 60)).padStart(2, "0") + "s"
        : Math.floor(s / 3600) + "h " + String(Math.floor(s / 60) % 60).padStart(2, "0") + "m";
      // The bucket whose end is nearest.
      const nearest = (buckets, axis, x) => {
        let low = 0, high = buckets.length - 1;
        while (low < high) {
          const middle = (low + high) >> 1;
          if (at[axis](buckets[middle]) < x) low = middle + 1; else high = middle;
        }
        if (low > 0 && x - at[axis](buckets[low - 1]) < at[axis](buckets[low]) - x) low -= 1;
        return buckets[low];
      };
      const describe = {
        loss(bucket) {
          const values = losses(bucket);
          if (bucket[0] === 1) return "loss " + fixed(values[0], 4);
          return "loss " + fixed(Math.min(...values), 3) + " – " + fixed(Math.max(...values), 3)
            + ", mean " + fixed(bucket[1] / bucket[0], 4);
        },
        lr: (bucket) => bucket[4] === null ? null : "lr " + bucket[4].toExponential(2),
        speed: (bucket) => bucket[3] > 0 ? grouped(bucket[2] / bucket[3]) + " tokens/s" : null,
        norm: (bucket) => bucket[5] === null ? null : "gradient norm " + fixed(bucket[5], 4),
      };
      const steps = (bucket) => bucket[0] === 1 ? "step " + grouped(lastStep(bucket))
        : "steps " + grouped(firstStep(bucket)) + " – " + grouped(lastStep(bucket));
      const words = (chart, axis, x) => {
        const several = data.runs.length > 1, lines = [];
        for (const run of data.runs) {
          const own = chart === "validation" ? run.validations : run.buckets;
          if (!own.length) continue;
          const bucket = nearest(own, axis, x);
          const text = (describe[chart] ?? describe.loss)(bucket);
          if (text === null) continue;
          if (several) { lines.push(run.name + ": " + text + ", " + steps(bucket)); continue; }
          lines.push(steps(bucket) + ", " + duration(at.seconds(bucket)), text);
          if (chart !== "loss" || !run.validations.length) continue;
          const validation = nearest(run.validations, axis, x);
          lines.push("validation " + fixed(losses(validation)[0], 4) + " at step " + grouped(firstStep(validation)));
        }
        return lines.join("\n");
      };
      for (const view of document.querySelectorAll(".view")) {
        const plot = view.querySelector(".plot"), chart = view.closest("figure").dataset.chart;
        const axis = view.classList.contains("by-seconds") ? "seconds" : "step";
        const [x0, x1] = [Number(view.dataset.x0), Number(view.dataset.x1)];
        const cursor = document.createElement("div"), tip = document.createElement("div");
        cursor.className = "cursor"; tip.className = "tip"; cursor.hidden = tip.hidden = true;
        plot.append(cursor, tip);
        const show = (part) => {
          const text = words(chart, axis, x0 + part * (x1 - x0));
          cursor.hidden = tip.hidden = !text;
          cursor.style.left = 100 * part + "%";
          tip.textContent = text;
          tip.style.left = part < 0.5 ? `calc(${100 * part}% + 10px)` : "auto";
          tip.style.right = part < 0.5 ? "auto" : `calc(${100 * (1 - part)}% + 10px)`;
        };
        plot.onpointermove = plot.onpointerdown = (event) => {
          const box = plot.getBoundingClientRect();
          show(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
        };
        plot.onpointerleave = () => { cursor.hidden = tip.hidden = true; };
        // Arrow keys move it, too.
        plot.tabIndex = 0;
        let place = 1;
        plot.onkeydown = (event) => {
          const step = { ArrowLeft: -0.01, ArrowRight: 0.01 }[event.key];
          if (!step) return;
          event.preventDefault();
          show(place = Math.min(1, Math.max(0, place + step)));
        };
        plot.onblur = plot.onpointerleave;
      }

      // While the run lives.
      if (!data.live) return;
      const seen = { written: Number(memory.get("written")), at: Number(memory.get("at")) };
      // Clocks of two machines differ: a page that has changed before our eyes is alive, whatever its date.
      const sign = seen.written && seen.written !== data.written ? Date.now()
        : seen.written === data.written && seen.at ? seen.at : 1000 * data.written;
      memory.set("written", data.written);
      memory.set("at", sign);
      const patience = 1000 * (3 * data.interval + 10);
      const look = () => {
        const silent = Date.now() - sign > patience;
        root.classList.toggle("silent", silent);
        document.getElementById("silent").hidden = !silent;
        if (silent) document.querySelector(".status").textContent = "No sign of life";
      };
      look();
      setInterval(look, 1000);
      const scroll = Number(memory.get("scroll"));
      if (scroll) scrollTo(0, scroll);
      let isHeld = false;
      addEventListener("pointerdown", () => { isHeld = true; });
      addEventListener("pointerup", () => { isHeld = false; });
      addEventListener("pointercancel", () => { isHeld = false; });
      setInterval(() => {
        // Not while somebody reads what is under the pointer, selects text, or looks elsewhere.
        const isRead = document.querySelector(".plot:hover") || isHeld || String(getSelection()) || document.hidden;
        if (isRead) return;
        memory.set("scroll", scrollY);
        location.reload();
      }, 1000 * Math.max(2, data.interval));
    })();
    """#
}
