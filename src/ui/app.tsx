import { Empty } from "./components/empty.tsx";
import { LoginPage } from "./components/login_page.tsx";
import { Shell } from "./components/shell.tsx";
import { OverviewPage } from "./overview/overview_page.tsx";
import { PolicyEditorPage } from "./policies/policy_editor_page.tsx";
import { PolicyListPage } from "./policies/policy_list_page.tsx";
import { PolicyPage } from "./policies/policy_page.tsx";
import { ProcessListPage } from "./processes/process_list_page.tsx";
import { ProcessPage } from "./processes/process_page.tsx";
import { place } from "./router.ts";
import { signedOut } from "./session.ts";
import { TaskListPage } from "./tasks/task_list_page.tsx";
import { TaskPage } from "./tasks/task_page.tsx";

/** The whole UI: the login page once signed out, else the screen of the address. */
export function App() {
  if (signedOut.value) return <LoginPage />;
  return (
    <Shell>
      <Screen />
    </Shell>
  );
}

function Screen() {
  const [folder = "", rawId = "", view = ""] = place.value.path.split("/").slice(1);
  const id = decode(rawId);
  switch (folder) {
    case "":
      return <OverviewPage />;
    case "new-policy":
      return <PolicyEditorPage key="new" name="" />;
    case "policies":
      if (id === "") return <PolicyListPage />;
      return view === "edit" ? <PolicyEditorPage key={id} name={id} /> : <PolicyPage key={id} name={id} />;
    case "processes":
      return id === "" ? <ProcessListPage /> : <ProcessPage key={id} id={id} />;
    case "tasks":
      return id === "" ? <TaskListPage /> : <TaskPage key={id} id={id} />;
    default:
      return (
        <Empty title="There is no such page">
          <a class="button" href="/">Go to the overview</a>
        </Empty>
      );
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
