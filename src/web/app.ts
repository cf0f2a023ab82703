import { type Context, Hono } from "hono";
import { compress } from "hono/compress";
import type { Config } from "../config/config.ts";
import { age, figuresOf } from "../drawing/figures.ts";
import { describeError } from "../errors.ts";
import { plainView, readView } from "./address.ts";
import { readAssets } from "./assets.ts";
import type { OpenBills } from "./bills.ts";
import { csvText } from "./csv.ts";
import { failurePage, isExpected, type FailureStatus, statusOf } from "./failure.ts";
import { type Access, guard } from "./guard.ts";
import { wholePage } from "./layout.ts";
import { metricsText } from "./metrics.ts";
import { type CsvFile, loadedStatus, type Page, type PageContext } from "./page.ts";
import { changesPage } from "./pages/changes.ts";
import { commitmentsPage } from "./pages/commitments.ts";
import { costsPage } from "./pages/costs.ts";
import { linesPage } from "./pages/lines.ts";
import { loadPage } from "./pages/load.ts";
import { loadsPage } from "./pages/loads.ts";
import { overviewPage } from "./pages/overview.ts";
import { qualityCsv, qualityPage } from "./pages/quality.ts";
import { questionCsv, questionPage } from "./pages/question.ts";
import { questionsPage } from "./pages/questions.ts";
import { questionOf, sourcePage } from "./pages/source.ts";
import { untaggedPage } from "./pages/untagged.ts";
import { keepSettings, readSettings } from "./settings.ts";

/** How the pages are made. */
export interface AppOptions {
  readonly access: Access;
  readonly locale: string;
  readonly now: () => Date;
  readonly onError: (error: unknown) => void;
}

/** The pages by their paths. */
const pages: Readonly<Record<string, (context: PageContext) => Promise<Page>>> = {
  "/": overviewPage,
  "/costs": costsPage,
  "/changes": changesPage,
  "/commitments": commitmentsPage,
  "/untagged": untaggedPage,
  "/questions": questionsPage,
  "/questions/:question": questionPage,
  "/lines": linesPage,
  "/loads": loadsPage,
  "/loads/:export/:month": loadPage,
  "/quality": qualityPage,
  "/source/:question": sourcePage,
};

/** Files of pages by their paths. Answers with receipts have theirs in `/csv`. */
const files: Readonly<Record<string, (context: PageContext) => Promise<CsvFile>>> = {
  "/questions/:question/answer.csv": questionCsv,
  "/quality/rules.csv": qualityCsv,
};

/** The dashboard as an application of the web. It only reads. */
export function createApp(bills: OpenBills, config: Config, { access, locale, now, onError }: AppOptions): Hono {
  const app = new Hono();
  const assets = readAssets();
  app.use(guard(access));
  app.use(compress());

  for (const { path, type, content } of Object.values(assets)) {
    app.get(path, (context) => {
      context.header("Cache-Control", "public, max-age=31536000, immutable");
      return context.body(new Uint8Array(content), 200, { "Content-Type": type });
    });
  }

  for (const [path, draw] of Object.entries(pages)) {
    app.get(path, async (context) => {
      const settings = readSettings(context, locale);
      const { pathname, search, searchParams } = new URL(context.req.url);
      const show = async (page: Page, source: string | null, status: 200 | FailureStatus): Promise<Response> =>
        context.html(await wholePage(page, { assets, settings, source, address: `${pathname}${search}` }), status);
      try {
        const view = readView(searchParams);
        return await bills.read(async (publication) => {
          const figures = figuresOf(settings.locale);
          const parameters = context.req.param() as Readonly<Record<string, string>>;
          const page = await draw({ publication, config, view, figures, now: now(), parameters });
          const { publishedAt } = publication;
          return show(
            page,
            publishedAt === null ? "Read from the warehouse." : `Published ${age(publishedAt, now())}.`,
            200,
          );
        }, allowedBytes(searchParams));
      } catch (error) {
        if (!isExpected(error)) onError(error);
        const { page, status } = failurePage(error, path, plainView, `${pathname}${search}`);
        return show(page, null, status);
      }
    });
  }

  app.get("/csv/:file{[a-z]+\\.csv}", async (context) => {
    const name = context.req.param("file").replace(/\.csv$/u, "");
    const { searchParams } = new URL(context.req.url);
    const view = readView(searchParams);
    const { result } = await bills.read(
      (publication) => publication.ask((bound) => questionOf(name).ask(bound, view, { now: now() })),
      allowedBytes(searchParams),
    );
    return sendCsv(context, { name, table: result.table });
  });

  for (const [path, read] of Object.entries(files)) {
    app.get(path, async (context) => {
      const { searchParams } = new URL(context.req.url);
      const view = readView(searchParams);
      const parameters = context.req.param() as Readonly<Record<string, string>>;
      const file = await bills.read((publication) => {
        const figures = figuresOf(readSettings(context, locale).locale);
        return read({ publication, config, view, figures, now: now(), parameters });
      }, allowedBytes(searchParams));
      return sendCsv(context, file);
    });
  }

  app.get("/healthz", async (context) => {
    try {
      await bills.read((publication) => loadedStatus({ publication, now: now() }));
      return context.json({ status: "ok" });
    } catch (error) {
      return context.json({ status: "failed", code: describeError(error).code }, 503);
    }
  });

  app.get("/metrics", async (context) => {
    const text = await bills.read(async (publication) =>
      metricsText(await loadedStatus({ publication, now: now() }), publication.publishedAt, now()),
    );
    return context.body(text, 200, { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" });
  });

  app.get("/settings", (context) => {
    keepSettings(context, locale);
    const back = context.req.query("back") ?? "/";
    // A path of this site, not the address of another one.
    return context.redirect(/^\/(?![/\\])/u.test(back) ? back : "/", 303);
  });

  app.onError((error, context) => {
    if (!isExpected(error)) onError(error);
    const { message, hint } = describeError(error);
    return context.text(`${message}\n${hint}\n`, statusOf(error));
  });
  app.notFound((context) => context.text("There is no such page.\n", 404));
  return app;
}

function sendCsv(context: Context, { name, table }: CsvFile): Response {
  return context.body(csvText(table), 200, {
    "Content-Type": "text/csv; charset=utf-8",
    "Content-Disposition": `attachment; filename="${name}.csv"`,
  });
}

/** The bytes that the person who looks at a page has confirmed. */
function allowedBytes(query: URLSearchParams): number {
  const bytes = query.get("bytes") ?? "";
  return /^\d{1,15}$/u.test(bytes) ? Number(bytes) : 0;
}
