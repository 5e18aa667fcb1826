"use strict";
(function () {
  const box = document.getElementById("compare");
  if (!box) { return; }
  const scene = document.getElementById("scene"), left = document.getElementById("left"), right = document.getElementById("right");
  const over = box.querySelector(".over"), under = box.querySelector(".under"), bar = box.querySelector(".bar");
  const slider = box.querySelector("input");
  const tags = { left: box.querySelector(".tag.left"), right: box.querySelector(".tag.right") };

  function layers() {
    const found = Array.from(document.querySelectorAll('[data-scene="' + scene.value + '"] img'));
    const last = function (image) { return image.dataset.layer.endsWith(", difference"); };
    return found.filter(function (i) { return !last(i); }).concat(found.filter(last));
  }
  function fill(select, wanted) {
    const kept = select.value || wanted;
    select.replaceChildren(...layers().map(function (image) { return new Option(image.dataset.layer, image.dataset.layer); }));
    const names = Array.from(select.options, function (o) { return o.value; });
    select.value = names.includes(kept) ? kept : names.includes(wanted) ? wanted : names[0];
  }
  function show() {
    const found = {};
    layers().forEach(function (image) { found[image.dataset.layer] = image; });
    over.src = found[left.value].src;
    under.src = found[right.value].src;
    over.alt = left.value;
    under.alt = right.value;
    tags.left.textContent = left.value;
    tags.right.textContent = right.value;
  }
  under.addEventListener("load", function () {
    // No taller than the window: both layers have to be seen whole.
    const ratio = under.naturalWidth / Math.max(under.naturalHeight, 1);
    box.style.width = "min(100%, 720px, " + (72 * ratio).toFixed(2) + "vh)";
  });
  function move() {
    const at = Number(slider.value) / 10;
    over.style.clipPath = "inset(0 " + (100 - at) + "% 0 0)";
    bar.style.left = at + "%";
  }
  function pick() {
    fill(left, left.dataset.first);
    fill(right, right.dataset.first);
    show();
  }
  scene.addEventListener("change", pick);
  left.addEventListener("change", show);
  right.addEventListener("change", show);
  slider.addEventListener("input", move);
  document.querySelectorAll(".strip img").forEach(function (image) {
    image.addEventListener("click", function () {
      scene.value = image.closest("[data-scene]").dataset.scene;
      pick();
      right.value = image.dataset.layer;
      show();
      box.scrollIntoView({ behavior: "smooth", block: "center" });
    });
  });
  pick();
  move();
}());
