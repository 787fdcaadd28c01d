/** One page of a browser, from the view of its user. */
import { writeFile } from 'node:fs/promises';

/** Long enough for a slow machine, short enough to notice a hang. */
const PATIENCE = 20_000;

/** Milliseconds between two looks at a page: at first, and at most. Each look costs the browser work that the page then waits for. */
const PAUSE = 50;
const LONGEST_PAUSE = 200;

/** Errors of a page during navigation between two documents. */
const BETWEEN_PAGES = new Set([
  'StaleElementReferenceError',
  'NoSuchElementError',
  'NoSuchFrameError',
  'JavascriptError',
  'ElementNotInteractableError',
  'ElementClickInterceptedError',
  'DetachedShadowRootError',
  'WebDriverError',
]);

export class Page {
  #run;

  /** @param {import('./engines.mjs').Started['run']} [run] runs a function in the page instead of the driver */
  constructor(driver, run) {
    this.driver = driver;
    this.#run = run;
  }

  goto(url) {
    return this.driver.get(url);
  }

  reload() {
    return this.driver.navigate().refresh();
  }

  back() {
    return this.driver.navigate().back();
  }

  forward() {
    return this.driver.navigate().forward();
  }

  url() {
    return this.driver.getCurrentUrl();
  }

  /** The text that a user can read. */
  async text() {
    return (await this.driver.executeScript('return document.body ? document.body.innerText : ""')) ?? '';
  }

  /** The visible elements of a role whose name equals or matches the given one. */
  async all(role, name) {
    const pattern = name instanceof RegExp ? [name.source, name.flags] : [`^${escapeRegExp(name)}$`, ''];
    return (await this.driver.executeScript(FIND, role, ...pattern)) ?? []; // no element, between two pages
  }

  /** Waits for the one element of that role and name. */
  find(role, name, patience) {
    return this.until(`${role} "${name}"`, async () => (await this.all(role, name))[0], patience);
  }

  async has(role, name) {
    return (await this.all(role, name)).length > 0;
  }

  click(role, name) {
    return this.until(`click on ${role} "${name}"`, async () => {
      const [element] = await this.all(role, name);
      if (!element) return false;
      await element.click();
      return true;
    });
  }

  fill(label, text) {
    return this.until(`fill "${label}"`, async () => {
      const [element] = await this.all('textbox', label);
      if (!element || !(await this.driver.executeScript(FOCUSED))) return false;
      await element.clear();
      await element.sendKeys(text);
      return true;
    });
  }

  /** Puts a text into a field at once, which is faster than typing: for pages that are not under test. */
  put(label, text) {
    return this.until(`put a text into "${label}"`, async () => {
      const [element] = await this.all('textbox', label);
      if (!element) return false;
      await this.driver.executeScript('arguments[0].value = arguments[1]', element, text);
      return true;
    });
  }

  /** Ticks or clears a checkbox. */
  check(label, checked = true) {
    return this.until(`checkbox "${label}"`, async () => {
      const [element] = await this.all('checkbox', label);
      if (!element) return false;
      if ((await element.isSelected()) !== checked) await element.click();
      return (await element.isSelected()) === checked;
    });
  }

  /** Waits until the page shows a text. */
  see(text, patience) {
    return this.until(
      `text ${text}`,
      async () => {
        const shown = await this.text();
        return text instanceof RegExp ? text.test(shown) : shown.includes(text);
      },
      patience,
    );
  }

  /** Waits until the address matches. */
  at(pattern, patience) {
    return this.until(`address ${pattern}`, async () => pattern.test(await this.url()), patience);
  }

  /** Runs an asynchronous function in the page. Never pass it a secret: the page's spy would see it. */
  async run(action, ...args) {
    if (this.#run) return this.#run(action, args);
    const script = `const done = arguments[arguments.length - 1];
      (${action})(...Array.prototype.slice.call(arguments, 0, -1))
        .then((value) => done({ value }), (error) => done({ error: String(error) + ' ' + (error && error.stack) }));`;
    const { value, error } = await this.driver.executeAsyncScript(script, ...args);
    if (error) throw new Error(error);
    return value;
  }

  async shot(file) {
    await writeFile(file, Buffer.from(await this.driver.takeScreenshot(), 'base64'));
  }

  /** Repeats the check until it succeeds. */
  async until(what, question, patience = PATIENCE) {
    const end = Date.now() + patience;
    let last;
    for (let pause = PAUSE; ; pause = Math.min(pause * 1.5, LONGEST_PAUSE)) {
      try {
        const answer = await question();
        if (answer) return answer;
      } catch (error) {
        if (!BETWEEN_PAGES.has(error.name)) throw error;
        last = error;
      }
      if (Date.now() > end) {
        const shown = await this.text().catch(() => '');
        throw new Error(`waited ${patience} ms for ${what} at ${await this.url()}; the page shows:\n${shown}`, {
          cause: last,
        });
      }
      await new Promise((next) => setTimeout(next, pause));
    }
  }
}

/**
 * Runs in the page: whether the focus is where the page puts it. The page moves the focus late, and would then receive
 * the typed keys elsewhere.
 */
const FOCUSED = `return !document.querySelector('[autofocus]') || document.activeElement !== document.body`;

/** Runs in the page: visible elements by role and accessible name. */
const FIND = `
  const [role, source, flags] = arguments;
  const SELECTORS = {
    button: 'button, input[type=submit], [role=button], summary',
    link: 'a[href], [role=link]',
    textbox: 'input:not([type]), input[type=text], input[type=url], input[type=email], input[type=password], textarea, [role=textbox]',
    checkbox: 'input[type=checkbox], [role=checkbox]',
    heading: 'h1, h2, h3, [role=heading]',
    alert: '[role=alert]',
    status: '[role=status]',
    region: 'section[aria-labelledby], section[aria-label], [role=region]',
    img: 'img, [role=img]',
  };
  const textOf = (element) => element ? element.innerText || element.textContent || '' : '';
  const nameOf = (element) => {
    const by = element.getAttribute('aria-labelledby');
    if (by) return by.split(/\\s+/).map((id) => textOf(document.getElementById(id))).join(' ');
    if (element.hasAttribute('aria-label')) return element.getAttribute('aria-label');
    if (element.labels && element.labels.length) return [...element.labels].map(textOf).join(' ');
    return textOf(element) || (element.matches('input[type=submit]') && element.value) || element.getAttribute('alt') || element.getAttribute('placeholder') || '';
  };
  const wanted = new RegExp(source, flags);
  return [...document.querySelectorAll(SELECTORS[role] || '[role=' + role + ']')].filter((element) =>
    element.checkVisibility() && wanted.test(nameOf(element).replace(/\\s+/g, ' ').trim()));
`;

function escapeRegExp(text) {
  return String(text).replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
