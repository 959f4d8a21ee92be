import { api } from "../api.ts";
import { cutMiddle, showInvisible } from "../format.ts";
import { useQuery } from "../use_query.ts";

/** Chooses one of the services that the inventory knows; one that went away stays choosable while it is chosen. */
export function ServiceSelect({ value, onChoose }: { value: string; onChoose: (service: string) => void }) {
  const { data } = useQuery("services", (signal) => api.query.getOverview({}, { signal }), {
    topics: ["inventory"],
    atMostEveryMs: 30_000,
  });
  const services = (data?.services ?? []).map(({ service }) => service).filter((service) => service !== "");
  if (value !== "" && !services.includes(value)) services.push(value);
  services.sort();
  return (
    <select aria-label="Service" value={value} onChange={(event) => onChoose(event.currentTarget.value)}>
      <option value="">All services</option>
      {services.map((service) => (
        <option key={service} value={service}>{cutMiddle(showInvisible(service), 40)}</option>
      ))}
    </select>
  );
}
