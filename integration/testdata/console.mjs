// Drives a browser through the console; the job is one argument of JSON. It fails at
// the first thing that is not as it has to be.
import { appendFileSync } from "node:fs";
import { chromium } from "playwright-core";

const job = JSON.parse(process.argv[2]);
const must = (ok, what) => { if (!ok) throw new Error(what); console.log("ok:", what); };
const browser = await chromium.launch({ executablePath: job.chromium, args: ["--no-sandbox"] });

async function open(scheme, width = 1360) {
  const context = await browser.newContext({ colorScheme: scheme, viewport: { width, height: 900 } });
  const page = await context.newPage();
  page.setDefaultTimeout(20000);
  const wrong = [];
  page.on("console", (m) => { if (m.type() === "error") wrong.push(m.text() + " " + m.location().url); });
  page.on("pageerror", (e) => wrong.push(String(e)));
  page.on("request", (r) => { if (!r.url().startsWith(job.address)) wrong.push("foreign request " + r.url()); });
  return { context, page, wrong };
}

async function enter(page) {
  await page.goto(job.address + "/");
  await page.fill("#token", job.token);
  await page.press("#token", "Enter");
  await page.waitForSelector("nav");
}

const shot = (page, name) => page.screenshot({ path: `${job.shots}/${name}.png` });

try {
  const { page, wrong } = await open("light");
  await page.goto(job.address + "/events");
  must(page.url().endsWith("/login"), "without the token there is only the login");
  await shot(page, "login");
  await enter(page);

  await page.waitForFunction(() => document.getElementById("link").textContent === "live");
  await page.waitForSelector("#rates canvas");
  await page.waitForTimeout(3000); // for the chart to have a line
  must(Number((await page.textContent('[data-live="in.audit.records"]')).replace(/\D/g, "")) > 1000, "the picture counts the records");
  must(await page.getAttribute('g[data-state-of="out.siem"]', "data-state") === "bad", "an output that is not reached is red");
  await shot(page, "pipeline");

  await page.keyboard.press("5");
  await page.waitForURL("**/books");
  must(/\d/.test(await page.textContent('[data-live="out.siem.waiting"]')), "what waits is counted");
  must(await page.textContent('[data-live="out.siem.drain"]') !== "–", "there is a word on when it is drained");
  await page.waitForSelector("#waiting canvas");
  await page.waitForTimeout(1000);
  await shot(page, "delivery");

  await page.keyboard.press("2");
  await page.waitForURL("**/events");
  await page.keyboard.press("/");
  await page.keyboard.type('event.dataset != "auditd.log"');
  await page.keyboard.press("Enter");
  await page.waitForURL("**filter=**");
  await page.waitForFunction(() => /gpj\.exe/.test(document.querySelector("tbody").textContent));
  const text = await page.textContent("tbody");
  must(text.includes("<script>") && text.includes("\\u202e") && text.includes("\\x1b"), "a hostile line is text, and its marks show");
  must(await page.locator("main script, main img, main svg").count() === 0, "a hostile line is no markup");
  appendFileSync(job.app, "<script>document.title='owned'</script> a line that comes live\n");
  await page.waitForFunction(() => /a line that comes live/.test(document.querySelector("tbody").textContent));
  must((await page.textContent("tbody")).includes("<script>document.title"), "a hostile line that comes live is text");
  await page.locator("h1").click();
  await page.keyboard.press("p");
  must(await page.getAttribute("#pause", "aria-pressed") === "true", "p pauses");
  appendFileSync(job.app, "a line of the pause\n");
  await page.waitForFunction(() => /1 event waits/.test(document.getElementById("flow").textContent));
  must(!(await page.textContent("tbody")).includes("of the pause"), "nothing comes while it is paused");
  await shot(page, "events-filter");
  await page.keyboard.press("p");
  must((await page.textContent("tbody")).includes("of the pause"), "what waited comes when it goes on");
  await page.goto(job.address + "/events?filter=" + encodeURIComponent("event.severty > 3"));
  must((await page.textContent(".problem")).length > 10, "a filter with a mistake is explained");
  await page.goto(job.address + "/events");
  const cells = await page.locator("tbody .text").allTextContents();
  must(cells.length > 50 && !cells.some((text) => /^\d{4}-\d\d-\d\d /.test(text)), "what the columns say is not said again");
  const tall = await page.evaluate(() => [...document.querySelectorAll("tr.alert .what")].some((at) => { const r = document.createRange(); r.selectNodeContents(at); return r.getClientRects().length > 1; }));
  must(await page.locator("tr.alert .what").count() > 0 && !tall, "the id of a rule stands on one line");
  await page.locator("h1").click();
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("k");
  must(await page.evaluate(() => document.activeElement === document.querySelector("tbody a")), "j and k walk the list");
  await page.keyboard.press("?");
  must(await page.locator("#keys").isVisible(), "? shows the keys");
  await page.keyboard.press("2");
  must(await page.locator("#keys").isVisible(), "no key acts behind the keys");
  await shot(page, "keys");
  await page.keyboard.press("Escape");
  must(!await page.locator("#keys").isVisible(), "Esc closes them");
  await shot(page, "events");

  const hostile = job.address + "/events?filter=" + encodeURIComponent('event.dataset != "auditd.log" and message contains "gpj"');
  await page.goto(hostile);
  await page.locator("tbody a").first().click();
  await page.waitForSelector(".fields");
  must((await page.textContent("main")).includes("<script>"), "an opened hostile event is text");
  must(await page.title() === "Event – tallyman", "no script of an event ran");
  await shot(page, "event-hostile");
  await page.goto(job.address + "/");
  await page.locator("tr.alert a").first().click();
  await page.waitForSelector(".fields");
  await shot(page, "event");

  await page.keyboard.press("3");
  await page.waitForURL("**/rules");
  must(await page.locator("tr.fired").count() > 0, "rules have matched");
  await shot(page, "rules");
  await page.keyboard.press("4");
  await page.waitForURL("**/containers");
  await shot(page, "containers");
  await page.locator("tbody a").first().click();
  await page.waitForURL("**/containers/*");
  await shot(page, "container");

  await page.keyboard.press("6");
  await page.waitForURL("**/playground");
  await page.selectOption("#input", "audit");
  await page.fill("#text", job.line);
  await page.click("text=Explain");
  await page.waitForSelector(".lead");
  must(/claimed by input audit, decoder audit: 1 event/.test(await page.textContent(".lead")), "the playground says what claimed a line");
  await page.screenshot({ path: `${job.shots}/playground.png`, fullPage: true });
  must(wrong.filter((w) => !/400 \(Bad Request\)/.test(w)).length === 0, "the policy was not offended and nothing failed: " + wrong.join("; "));

  const foreign = await page.evaluate(async (address) => {
    const form = document.querySelector('input[name="form"]').value;
    return (await fetch(address.replace("127.0.0.1", "localhost") + "/playground", { method: "POST", mode: "no-cors", body: new URLSearchParams({ form, text: "x" }) }).then((r) => r.type, () => "refused"));
  }, job.address);
  must(foreign === "refused", "a page may not even ask elsewhere");

  const dark = await open("dark", 1360);
  await enter(dark.page);
  await dark.page.waitForSelector("#rates canvas");
  await dark.page.waitForTimeout(2500);
  await shot(dark.page, "pipeline-dark");
  await dark.page.goto(job.address + "/events");
  await shot(dark.page, "events-dark");
  for (const name of ["books", "rules", "containers", "playground"]) {
    await dark.page.goto(job.address + "/" + name);
    if (name === "books") await dark.page.waitForTimeout(1500);
    await shot(dark.page, name + "-dark");
  }
  await dark.page.goto(job.address + "/");
  await dark.page.locator("tr.alert a").first().click();
  await dark.page.waitForSelector(".fields");
  await shot(dark.page, "event-dark");
  const small = await open("light", 420);
  await enter(small.page);
  await shot(small.page, "pipeline-small");
  await small.page.goto(job.address + "/events");
  await shot(small.page, "events-small");
  must(await small.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "a narrow page does not scroll sideways");
  console.log("all pages: done");
} finally {
  await browser.close();
}
